-- Lists in the order of arrival: a clock that is set back puts new jobs among old ones no more.

DROP TRIGGER jobs_metadata_of_new;
DROP TABLE job_metadata;
DROP INDEX jobs_list;
DROP INDEX jobs_status;

CREATE INDEX jobs_status ON jobs (status, ord);

-- One row for each pair of a job's metadata, in the order in which lists show the jobs.
CREATE TABLE job_metadata (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  ord INTEGER NOT NULL REFERENCES jobs (ord) ON DELETE CASCADE,
  PRIMARY KEY (key, value, ord)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_metadata_job ON job_metadata (ord);

INSERT INTO job_metadata (key, value, ord)
SELECT pair.key, pair.value, jobs.ord FROM jobs, json_each(jobs.metadata) AS pair;

CREATE TRIGGER jobs_metadata_of_new AFTER INSERT ON jobs BEGIN
  INSERT INTO job_metadata (key, value, ord)
  SELECT pair.key, pair.value, new.ord FROM json_each(new.metadata) AS pair;
END;
