/** Slow work on the server: start, follow, cancel. One job a panel at a time. */

const POLL_MS = 150;

/** A job that failed, in the server's own words. */
export class JobFailed extends Error {}

/**
 * Starts a job and follows it to its end.
 * @param {{post: (path: string, body: any) => Promise<any>, get: (path: string) => Promise<any>, remove: (path: string) => Promise<any>}} api
 * @param {Record<string, any>} request  {kind, run, …}
 * @param {{onprogress?: (job: any) => void, signal?: AbortSignal}} [options]  aborting cancels the job on the server
 * @returns {Promise<any>} the finished job
 */
export async function runJob(api, request, { onprogress, signal } = {}) {
  let job = await api.post("jobs", request);
  const cancel = () => api.remove(`jobs/${job.id}`).catch(() => undefined);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    while (job.state === "queued" || job.state === "running") {
      onprogress?.(job);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (signal?.aborted) throw new DOMException("cancelled", "AbortError");
      job = await api.get(`jobs/${job.id}`);
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
  if (job.state === "cancelled") throw new DOMException("cancelled", "AbortError");
  if (job.state === "failed") throw new JobFailed(job.error ?? "the job failed without a word");
  return job;
}

/**
 * Progress as a sentence: what is done, and the time left once it is known.
 * @param {any} job
 */
export function progressText(job) {
  const waiting = job.state === "queued" ? "waiting for the job before" : job.message || "working";
  const share = job.total ? ` ${job.done} of ${job.total}` : "";
  const left = job.eta_s === null || job.eta_s === undefined ? "" : `, about ${Math.max(1, Math.round(job.eta_s))} s left`;
  return `${waiting}${share}${left}`;
}
