CREATE TABLE errand (
  id bigserial PRIMARY KEY, queue varchar(40) NOT NULL, state text NOT NULL,
  due timestamptz NOT NULL DEFAULT now(), claimed_at timestamptz, ended_at timestamptz
);
CREATE TABLE errand_queue (name text PRIMARY KEY);
CREATE TABLE errand_runner (id bigserial PRIMARY KEY, seen timestamptz NOT NULL);
CREATE TABLE errand_clock (name text PRIMARY KEY, fired timestamptz);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher;
