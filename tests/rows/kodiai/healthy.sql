-- A kodiai at work: what came in while it shut down has just been replayed.
INSERT INTO webhook_queue (source, headers, body, status, queued_at, claimed_at, processed_at) VALUES
  ('github', '{}', '{}', 'completed', now() - interval '3 min', now() - interval '2 min', now() - interval '1 min'),
  ('github', '{}', '{}', 'processing', now() - interval '4 min', now() - interval '1 min', NULL),
  ('github', '{}', '{}', 'pending', now() - interval '3 min', NULL, NULL);
