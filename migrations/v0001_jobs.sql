-- Jobs, their photos, and everything that an attempt leaves behind.
-- Times are milliseconds since 1970 in UTC. JSON columns hold values that no query looks into.

CREATE TABLE datasets (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  sha256 TEXT
) STRICT;

CREATE TABLE dataset_images (
  id TEXT PRIMARY KEY NOT NULL,
  dataset_id TEXT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  file_name TEXT NOT NULL,
  upload_bytes INTEGER NOT NULL,
  verdict TEXT,
  findings TEXT NOT NULL DEFAULT '[]',
  width INTEGER,
  height INTEGER,
  crop_box TEXT,
  duplicate_group INTEGER,
  blob TEXT,
  UNIQUE (dataset_id, position)
) STRICT;

CREATE TABLE jobs (
  -- Order of arrival, whatever the clock does.
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  name TEXT,
  status TEXT NOT NULL CHECK (status IN (
    'validating', 'queued', 'running', 'pausing', 'paused', 'cancelling',
    'succeeded', 'failed', 'cancelled')),
  status_seq INTEGER NOT NULL,
  outcome TEXT,
  phase TEXT,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  queued_at INTEGER,
  started_at INTEGER,
  finished_at INTEGER,
  progress TEXT,
  config TEXT NOT NULL,
  recipe TEXT NOT NULL,
  identifier TEXT,
  dataset_id TEXT NOT NULL REFERENCES datasets (id),
  base_model_id TEXT NOT NULL,
  base_model_sha256 TEXT NOT NULL,
  on_rejected_image TEXT NOT NULL,
  warnings TEXT NOT NULL,
  error TEXT,
  build TEXT NOT NULL,
  metadata TEXT NOT NULL
) STRICT;

CREATE INDEX jobs_queue ON jobs (priority DESC, ord) WHERE status = 'queued';
CREATE INDEX jobs_active ON jobs (status)
  WHERE status IN ('validating', 'running', 'pausing', 'cancelling');
CREATE INDEX jobs_list ON jobs (created_at, id);

CREATE TABLE events (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  status_seq INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  type TEXT NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  step INTEGER NOT NULL,
  folder TEXT NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (job_id, epoch, step)
) STRICT;

CREATE TABLE samples (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  step INTEGER NOT NULL,
  prompt_index INTEGER NOT NULL,
  prompt TEXT NOT NULL,
  -- Decimal text: SQLite's integers end at 2^63.
  seed TEXT NOT NULL,
  file TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (job_id, step, prompt_index, seed)
) STRICT;

CREATE TABLE reports (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL UNIQUE REFERENCES jobs (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  files TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE artifacts (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  format TEXT NOT NULL,
  folder TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  files TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (job_id, format)
) STRICT;

-- Answers of accepted POSTs, written in the transaction that accepted them.
CREATE TABLE idempotency_keys (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  answer BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
