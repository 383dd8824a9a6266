"""Five look-ups over training logs as views: what analysts ask of a run again and again (D4).

Source: Liu et al., DeepTracker, 2018: layer statistics, filters of a layer, filters with the largest change
in the net, measures of a class, samples of a class.
"""

from __future__ import annotations

LOOKUPS = {
    "layer_stats": """
        SELECT s.epoch, l.name AS layer, s.* EXCLUDE (epoch, layer_id, other), l.kind, l.depth
        FROM layer_statistics s LEFT JOIN (SELECT layer_id, name, kind, depth FROM layers) l USING (layer_id)
    """,
    "layer_filters": """
        SELECT f.epoch, l.name AS layer, f.filter, f.cosine, f.relative, f.norm, f.gradient
        FROM filter_changes f LEFT JOIN (SELECT layer_id, name FROM layers) l USING (layer_id)
    """,
    "top_filters": """
        SELECT f.epoch,
               row_number() OVER (PARTITION BY f.epoch ORDER BY f.cosine DESC, f.layer_id, f.filter) AS rank,
               l.name AS layer, f.filter, f.cosine, f.relative, f.norm
        FROM filter_changes f LEFT JOIN (SELECT layer_id, name FROM layers) l USING (layer_id)
        WHERE f.cosine IS NOT NULL
    """,
    "class_stats": """
        WITH order_of_epochs AS (SELECT epoch, position FROM epochs),
        told AS (
            SELECT p.epoch, o.position, p.sample_id, s.label, s.split, p.predicted, p.correct, p.loss, p.p_true,
                   lag(p.correct) OVER (PARTITION BY p.sample_id ORDER BY o.position) AS correct_before
            FROM predictions p JOIN order_of_epochs o USING (epoch) JOIN samples s USING (sample_id)
            WHERE s.label IS NOT NULL
        )
        SELECT t.epoch, t.label AS class_id, any_value(c.name) AS class, t.split,
               count(*) AS samples,
               count(*) FILTER (t.correct) AS correct,
               count(*) FILTER (NOT t.correct) AS wrong,
               count(*) FILTER (NOT t.correct) / nullif(count(t.correct), 0) AS error_rate,
               avg(t.loss) AS mean_loss,
               avg(t.p_true) AS mean_p_true,
               count(*) FILTER (t.correct AND NOT t.correct_before) AS learned,
               count(*) FILTER (NOT t.correct AND t.correct_before) AS forgotten,
               count(*) FILTER (t.correct <> t.correct_before) / count(*) AS flip_share
        FROM told t LEFT JOIN classes c ON c.class_id = t.label
        GROUP BY t.epoch, t.position, t.label, t.split
        ORDER BY t.position, t.label, t.split
    """,
    "class_samples": """
        SELECT s.label AS class_id, c.name AS class, s.sample_id, s.split, s.true_label, s.noisy,
               p.epoch, p.predicted, p.correct, p.p_true, p.p_predicted, p.margin, p.loss
        FROM samples s LEFT JOIN classes c ON c.class_id = s.label
        LEFT JOIN predictions p USING (sample_id)
    """,
}
