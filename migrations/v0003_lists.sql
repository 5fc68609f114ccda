-- Lists and counts of 100,000 jobs without reading the jobs: by state, and by what users wrote into metadata.

CREATE INDEX jobs_status ON jobs (status, created_at, id);

-- One row for each pair of a job's metadata, in the order in which lists show the jobs.
CREATE TABLE job_metadata (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  PRIMARY KEY (key, value, created_at, job_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_metadata_job ON job_metadata (job_id);

INSERT INTO job_metadata (key, value, created_at, job_id)
SELECT pair.key, pair.value, jobs.created_at, jobs.id
FROM jobs, json_each(jobs.metadata) AS pair;

CREATE TRIGGER jobs_metadata_of_new AFTER INSERT ON jobs BEGIN
  INSERT INTO job_metadata (key, value, created_at, job_id)
  SELECT pair.key, pair.value, new.created_at, new.id FROM json_each(new.metadata) AS pair;
END;

-- How many jobs are in each state, kept by the moves themselves: probes and every POST ask for it.
CREATE TABLE job_counts (
  status TEXT PRIMARY KEY NOT NULL,
  n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO job_counts (status, n) SELECT status, COUNT(*) FROM jobs GROUP BY status;

CREATE TRIGGER jobs_count_of_new AFTER INSERT ON jobs BEGIN
  INSERT INTO job_counts (status, n) VALUES (new.status, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER jobs_count_of_moved AFTER UPDATE OF status ON jobs
WHEN old.status <> new.status BEGIN
  UPDATE job_counts SET n = n - 1 WHERE status = old.status;
  INSERT INTO job_counts (status, n) VALUES (new.status, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER jobs_count_of_deleted AFTER DELETE ON jobs BEGIN
  UPDATE job_counts SET n = n - 1 WHERE status = old.status;
END;
