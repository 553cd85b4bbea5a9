-- The tables of kodiai that carry state, from the project's seed schemas (their rows left out).
CREATE TABLE _migrations (id serial PRIMARY KEY, name text NOT NULL UNIQUE, applied_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE webhook_queue (
  id bigserial PRIMARY KEY,
  source text NOT NULL,                 -- 'github' | 'slack'
  delivery_id text, event_name text,
  headers jsonb NOT NULL, body text NOT NULL,  -- body is the full webhook payload: never select it
  queued_at timestamptz NOT NULL DEFAULT now(),
  claimed_at timestamptz,               -- migration 039 (older installs: absent)
  processed_at timestamptz,             -- set only on 'completed'
  status text NOT NULL DEFAULT 'pending', -- pending | processing | completed | failed (no CHECK constraint)
  error_message text                    -- migration 047 (older installs: absent)
);
CREATE INDEX idx_webhook_queue_pending ON webhook_queue (status, queued_at) WHERE status = 'pending';
CREATE INDEX idx_webhook_queue_processing_claimed ON webhook_queue (status, claimed_at) WHERE status = 'processing';
