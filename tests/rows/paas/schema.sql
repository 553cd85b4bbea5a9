-- The tables of paas that carry state, from the project's seed schemas (their rows left out).
CREATE TABLE deployments (                      -- [inferred] table/columns; states Queued/Building/Live documented, others inferred
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id uuid, commit_sha text,
  status text NOT NULL,                          -- Queued | Building | Deploying? | Live | Failed? | Superseded?
  failure_reason text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE container_instances (               -- documented: status, failure_reason, created_at
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), release_id uuid,
  status text NOT NULL,                          -- Healthy documented; Starting/Unhealthy/Stopped/Failed inferred
  failure_reason text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE databases (                         -- [inferred] name
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id uuid, name text NOT NULL, engine_version text NOT NULL DEFAULT '16',
  status text NOT NULL,                          -- Provisioning | Ready documented
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE domains (                           -- [inferred] name; tls_status/last_error documented as TlsStatus/lastError
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id uuid, hostname text NOT NULL,
  tls_status text NOT NULL,                      -- Pending | Issuing | Active | RenewalDue | Failed?
  last_error text, expires_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE "__EFMigrationsHistory" ("MigrationId" varchar(150) PRIMARY KEY, "ProductVersion" varchar(32) NOT NULL); -- EF default, [inferred]
