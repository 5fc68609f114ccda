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
