-- Jobs made from jobs, several subjects in one job, captions, masks and class pictures of the user's own.

ALTER TABLE jobs ADD COLUMN retried_from TEXT;
ALTER TABLE jobs ADD COLUMN cloned_from TEXT;
-- JSON: the checkpoint whose weights are the first values, and the one with which the run goes on.
-- Their files are linked into the job's own folder, so that nothing done to the other job takes them away.
ALTER TABLE jobs ADD COLUMN init_from TEXT;
ALTER TABLE jobs ADD COLUMN resume_from TEXT;
-- JSON: for each subject of a job with several, the names of its pictures.
ALTER TABLE jobs ADD COLUMN subject_images TEXT;

-- Photos of the subject come first by position, class pictures after them.
ALTER TABLE dataset_images ADD COLUMN role TEXT NOT NULL DEFAULT 'subject';
ALTER TABLE dataset_images ADD COLUMN caption TEXT;
ALTER TABLE dataset_images ADD COLUMN mask_name TEXT;
-- SHA-256 of the kept mask.
ALTER TABLE dataset_images ADD COLUMN mask TEXT;
