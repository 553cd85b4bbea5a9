"""6 Files, backups, certificates and error budgets: what runs out slowly."""

from __future__ import annotations

from dashboards.build.shapes import Board, Query, Row, bars, lines, stat, table

AGE = (
    "(time() - max by (app, file) (watched_file_newest_timestamp_seconds{<ours file>}))"
    " / on (app, file) max by (app, file) (watched_file_interval_seconds{<ours file>})"
)
SIZE = (
    "min by (app, file) (watched_file_newest_bytes{<ours file>}"
    " / (watched_file_previous_bytes{<ours file>} > 0))"
)
DAY = 86400

VERDICT = Row(
    "",
    (
        stat(
            "Oldest backup",
            "How long ago the newest file was written, in intervals; the latest of all.",
            "below 1; past 1.5 one was missed.",
            f"max({AGE})",
            alerts=("WatchedFileStale",),
            steps=((1.5, "warn"),),
            decimals=1,
        ),
        stat(
            "Files missing",
            "Patterns that no file matches.",
            "0.",
            "count(sum by (app, file) (watched_file_count{<ours file>}) == 0) or vector(0)",
            alerts=("WatchedFileMissing",),
            steps=((1, "warn"),),
        ),
        stat(
            "Smallest backup",
            "The size of the newest file beside the one before; the smallest of all.",
            "around 1; below 0.5 something is missing in it, unless its objective is set.",
            f"min({SIZE})",
            unit="percentunit",
            alerts=("WatchedFileShrunk",),
            steps=((0, "warn"), (0.5, "ok")),
        ),
        stat(
            "Room on disks",
            "The share of bytes or files that is free; the fullest disk.",
            "above 10 %, unless its objective is set; below 5 % it is full.",
            "min(app_mount_space_instance:watched_filesystem_free:ratio{<app mount>})",
            unit="percentunit",
            alerts=("WatchedDiskFull", "WatchedDiskFilling"),
            steps=((0, "bad"), (0.05, "warn"), (0.1, "ok")),
            nothing="none watched",
        ),
        stat(
            "Next certificate",
            "Until the first certificate expires, in objectives of it.",
            "above 1; below a twentieth of it somebody is called.",
            "min(app_certificate:watched_tls_left:seconds{<app certificate>}"
            " / on (app, certificate)"
            " app_certificate:watched_tls_objective:seconds{<app certificate>})",
            alerts=("WatchedTlsExpires", "WatchedTlsExpired"),
            steps=((0, "bad"), (0.05, "warn"), (1, "ok")),
            decimals=1,
            nothing="none watched",
        ),
        stat(
            "Smallest budget",
            "What is left of the error budget of 30 days that has least left.",
            "above 0.",
            "clamp_min(min(app_slo_subject:watched_slo_left:ratio30d{<app>}), 0)",
            unit="percentunit",
            alerts=("WatchedBudgetBurns", "WatchedBudgetBurnsFast"),
            steps=((0, "bad"), (0.0001, "ok")),
        ),
    ),
)

BACKUPS = Row(
    "Backups and other files",
    (
        lines(
            "Age of the newest file",
            "How long ago the newest file was written, in intervals in which one is expected.",
            "below 1; past 1.5 one was missed.",
            Query(AGE, "{{app}} {{file}}"),
            alerts=("WatchedFileStale",),
            steps=((1.5, "warn"),),
        ),
        lines(
            "Size of the newest file",
            "The size of the newest file beside the one before. Dashed: how much of it there must"
            " be.",
            "around 1; above the objective, 0.5 where none is set.",
            Query(SIZE, "{{app}} {{file}}"),
            Query(
                "app_file:watched_file_size_objective:ratio{<app file>}",
                "objective {{app}} {{file}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedFileShrunk",),
        ),
        table(
            "Files",
            "What matches each pattern, how large the newest is and when it was written.",
            "some files, of about the same size, the newest not older than its interval.",
            Query(
                "sum by (app, file) (watched_file_count{<ours file>})",
                column="files",
            ),
            Query(
                "max by (app, file) (watched_file_newest_bytes{<ours file>})",
                column="newest",
                unit="bytes",
            ),
            Query(
                "max by (app, file) (watched_file_previous_bytes{<ours file>})",
                column="before it",
                unit="bytes",
            ),
            Query(
                "max by (app, file) (watched_file_newest_timestamp_seconds{<ours file>}) * 1000",
                column="written",
                unit="dateTimeFromNow",
            ),
            Query(
                "max by (app, file) (watched_file_interval_seconds{<ours file>})",
                column="every",
                unit="s",
            ),
            order=("app", "file"),
            alerts=("WatchedFileMissing", "WatchedFileStale"),
            width=12,
        ),
        lines(
            "Files that must grow",
            "How long ago each file was last written that grows while there is work. Dashed: how"
            " long that may be.",
            "below the dashed line while there is work.",
            Query(
                "time() - max by (app, file) (watched_file_newest_timestamp_seconds{<ours file>})"
                " and on (app, file) watched_file_growth_objective_seconds{<ours file>}",
                "{{app}} {{file}}",
            ),
            Query(
                "max by (app, file) (watched_file_growth_objective_seconds{<ours file>})",
                "objective {{app}} {{file}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedFileSilent",),
        ),
    ),
)

DISKS = Row(
    "Disks and certificates",
    (
        lines(
            "Room on disks",
            "The share of bytes and of files that is free.",
            "above 10 %, unless its objective is set; below 5 % the disk is as good as full.",
            Query(
                "app_mount_space_instance:watched_filesystem_free:ratio{<app mount instance>}",
                "{{app}} {{mount}} {{space}}",
            ),
            unit="percentunit",
            alerts=("WatchedDiskFull", "WatchedDiskFilling"),
            steps=((0, "bad"), (0.05, "warn"), (0.1, "ok")),
            highest=1,
        ),
        bars(
            "Disks in four days",
            "How many bytes will be free in four days if it goes on like the last six hours.",
            "above 0.",
            Query(
                "clamp_min(min by (app, mount, instance)"
                " (predict_linear(watched_filesystem_avail_bytes{<ours mount>}[6h], 345600)), 0)",
                "{{app}} {{mount}}",
            ),
            unit="bytes",
            alerts=("WatchedDiskFilling",),
        ),
        table(
            "Certificates",
            "How long each certificate still holds, and how long it must.",
            "longer than it must.",
            Query(
                "app_certificate:watched_tls_left:seconds{<app certificate>}",
                column="left",
                unit="dtdurations",
                steps=((0, "bad"), (DAY, "warn"), (1728000, "ok")),
            ),
            Query(
                "app_certificate:watched_tls_objective:seconds{<app certificate>}",
                column="must be left",
                unit="dtdurations",
            ),
            order=("app", "certificate"),
            alerts=("WatchedTlsExpires", "WatchedTlsExpired"),
        ),
    ),
)

BUDGETS = Row(
    "Error budgets",
    (
        bars(
            "Budget left of 30 days",
            "What is left of each error budget; at 0 the objective is missed.",
            "above 0.",
            Query(
                "clamp_min(app_slo_subject:watched_slo_left:ratio30d{<app>}, 0)",
                "{{app}} {{slo}} {{subject}}",
            ),
            unit="percentunit",
            highest=1,
        ),
        lines(
            "How fast budgets burn: the last hour",
            "Errors of the last hour against the budget; at 14.4, 2 % of it are gone in an hour.",
            "below 1.",
            Query(
                "app_slo_subject:watched_slo_burn:rate1h{<app>}",
                "{{app}} {{slo}} {{subject}}",
            ),
            alerts=("WatchedBudgetBurnsFast",),
            steps=((14.4, "bad"),),
        ),
        lines(
            "How fast budgets burn: six hours",
            "Errors of the last six hours against the budget; at 6, 5 % of it are gone.",
            "below 1.",
            Query(
                "app_slo_subject:watched_slo_burn:rate6h{<app>}",
                "{{app}} {{slo}} {{subject}}",
            ),
            alerts=("WatchedBudgetBurns",),
            steps=((6, "warn"),),
        ),
        lines(
            "How fast budgets burn: three days",
            "Errors of the last three days against the budget; at 1, it lasts just for 30 days.",
            "below 1.",
            Query(
                "app_slo_subject:watched_slo_burn:rate3d{<app>}",
                "{{app}} {{slo}} {{subject}}",
            ),
            alerts=("WatchedBudgetBurns",),
            steps=((1, "warn"),),
        ),
    ),
)

FILES = Board(
    "sidewatch-files",
    "sidewatch 6: Files, backups, TLS, budgets",
    "What runs out slowly: are backups written, is there room, do certificates hold?",
    (VERDICT, BACKUPS, DISKS, BUDGETS),
    ("file", "mount", "certificate"),
)
