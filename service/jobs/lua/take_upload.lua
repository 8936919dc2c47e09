-- KEYS: record of a presigned upload.
-- ARGV: job.
-- Returns the job that uses the upload, which is this one unless another was first; '' if there is
-- no such upload.
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
redis.call('HSETNX', KEYS[1], 'job', ARGV[1])
return redis.call('HGET', KEYS[1], 'job')
