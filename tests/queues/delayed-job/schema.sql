-- Delayed Job's table, from collectiveidea/delayed_job_active_record@v4.1.11:
-- lib/generators/delayed_job/templates/migration.rb.
CREATE TABLE delayed_jobs (
    id bigserial PRIMARY KEY,
    priority integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    handler text NOT NULL,
    last_error text,
    run_at timestamp(6),
    locked_at timestamp(6),
    failed_at timestamp(6),
    locked_by varchar,
    queue varchar,
    created_at timestamp(6),
    updated_at timestamp(6)
);
CREATE INDEX ON delayed_jobs (priority, run_at);
