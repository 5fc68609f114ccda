-- Why a job waits although a worker is free (a full disk, a shortage), as JSON; null once it is claimed or moved.

ALTER TABLE jobs ADD COLUMN waiting TEXT;
