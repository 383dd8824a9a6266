"""The kinds of jobs that a page may start. The functions are in work.py, which only workers import."""

from __future__ import annotations

from timetravel.server.jobs import Kind

KINDS = {
    "saliency": Kind("timetravel.server.work:saliency"),
    "neurons": Kind("timetravel.server.work:neurons"),
    "cube": Kind("timetravel.server.work:cube", lane="pictures"),
    "picture": Kind("timetravel.server.work:picture", lane="pictures"),
    "project": Kind("timetravel.server.work:project", lane="long"),
}
