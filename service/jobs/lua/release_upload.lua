-- KEYS: record of a presigned upload.
-- ARGV: job that was not made after all.
-- Lets another job use the upload.
if redis.call('HGET', KEYS[1], 'job') == ARGV[1] then redis.call('HDEL', KEYS[1], 'job') end
