-- A file of layout 3, as text: one task that has ended, and one whose process died at the last batch of its last node.
-- That node had stored its second batch before its first.
CREATE TABLE tasks (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
     record TEXT NOT NULL, graph TEXT NOT NULL, params TEXT NOT NULL,
     vars TEXT NOT NULL, vars_version INTEGER NOT NULL, applied_by TEXT NOT NULL,
     idempotency_key TEXT UNIQUE, sweep_at REAL, deadline_at REAL, ended_at REAL
   ) STRICT;
CREATE INDEX tasks_by_status ON tasks (status, pk);
CREATE INDEX tasks_by_sweep ON tasks (sweep_at) WHERE sweep_at IS NOT NULL;
CREATE INDEX tasks_by_deadline ON tasks (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX tasks_by_end ON tasks (ended_at, pk) WHERE ended_at IS NOT NULL;
CREATE TABLE loans (
     lender TEXT NOT NULL, borrower TEXT NOT NULL, PRIMARY KEY (lender, borrower)
   ) STRICT, WITHOUT ROWID;
CREATE INDEX loans_by_borrower ON loans (borrower);
CREATE TABLE shards (
     pk INTEGER PRIMARY KEY, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     status TEXT NOT NULL, record TEXT NOT NULL, type TEXT NOT NULL, priority INTEGER NOT NULL,
     ready_at REAL NOT NULL, queue_order INTEGER, due_at REAL, expires_at REAL, UNIQUE (task_id, node_id, shard)
   ) STRICT;
CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE artifacts (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, seq INTEGER NOT NULL,
     uid TEXT NOT NULL, epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     origin_source TEXT NOT NULL, origin_seq INTEGER NOT NULL, chunk INTEGER NOT NULL,
     meta TEXT NOT NULL, metrics TEXT NOT NULL, more TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (shard_pk, generation, seq)
   ) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX artifacts_by_uid ON artifacts (shard_pk, generation, uid);
CREATE INDEX artifacts_by_origin ON artifacts (shard_pk, generation, origin_source, seq);
CREATE TABLE complete_markers (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (shard_pk, generation)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE slots (
     limit_key TEXT NOT NULL, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     PRIMARY KEY (limit_key, task_id, node_id, shard, epoch, claim_id)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE registry (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, due_at REAL,
     until REAL, UNIQUE (kind, id)
   ) STRICT;
CREATE INDEX registry_by_order ON registry (kind, pk);
CREATE INDEX registry_by_due ON registry (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX registry_by_end ON registry (until) WHERE until IS NOT NULL;
CREATE TABLE store_time (pk INTEGER PRIMARY KEY CHECK (pk = 1), latest REAL NOT NULL) STRICT;
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (1, '9aa667cd-7808-42b1-8b6a-0e84f09d7413', 'finished', '{"id":"9aa667cd-7808-42b1-8b6a-0e84f09d7413","priority":0,"status":"finished","idempotencyKey":"done","createdAt":1700000026331,"endedAt":1700000026343}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]}],"edges":[]}', '{}', '{}', 0, '[]', 'done', NULL, NULL, 1700000026343);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (2, '99b88a7f-3092-4b5b-9506-98fbb58554d6', 'running', '{"id":"99b88a7f-3092-4b5b-9506-98fbb58554d6","priority":0,"status":"running","idempotencyKey":"open","createdAt":1700000026351}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]},{"node_id":"step","type":"step","depends_on":["src"]}],"edges":[["src","step"]]}', '{}', '{}', 0, '[]', 'open', 1700000026351, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (1, '9aa667cd-7808-42b1-8b6a-0e84f09d7413', 'src', 0, 'finished', '{"taskId":"9aa667cd-7808-42b1-8b6a-0e84f09d7413","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000026332,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000026332,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000026334,"cause":"claim","workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000026342,"cause":"complete","workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4"}],"lastClaimId":"663cdaf4-5d9f-4d0b-95c2-93e516315dba","count":3}', 'src', 0, 1700000026332, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (2, '99b88a7f-3092-4b5b-9506-98fbb58554d6', 'src', 0, 'finished', '{"taskId":"99b88a7f-3092-4b5b-9506-98fbb58554d6","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000026351,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000026351,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000026351,"cause":"claim","workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000026355,"cause":"complete","workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4"}],"lastClaimId":"111b1a68-8ea5-41e7-9ee3-7c355785ea62","count":3}', 'src', 0, 1700000026351, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (3, '99b88a7f-3092-4b5b-9506-98fbb58554d6', 'step', 0, 'running', '{"taskId":"99b88a7f-3092-4b5b-9506-98fbb58554d6","nodeId":"step","shard":0,"epoch":1,"type":"step","priority":0,"status":"running","readyAt":1700000026356,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000026356,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000026356,"cause":"claim","workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4"}],"lease":{"workerId":"worker-f7ad2e3a-10c1-4ed4-b0b0-9f52fdc698b4","claimId":"78709a5d-2d35-4327-b9db-0eeef23498eb","deadline":1700000056356,"habits":{"resumes":true,"rereads":false}}}', 'step', 0, 1700000026356, NULL, NULL, 1700000056356);
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (1, 0, 0, '0', 1, '663cdaf4-5d9f-4d0b-95c2-93e516315dba', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (1, 0, 1, '1', 1, '663cdaf4-5d9f-4d0b-95c2-93e516315dba', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (1, 0, 2, '2', 1, '663cdaf4-5d9f-4d0b-95c2-93e516315dba', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (2, 0, 0, '0', 1, '111b1a68-8ea5-41e7-9ee3-7c355785ea62', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (2, 0, 1, '1', 1, '111b1a68-8ea5-41e7-9ee3-7c355785ea62', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (2, 0, 2, '2', 1, '111b1a68-8ea5-41e7-9ee3-7c355785ea62', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (3, 0, 0, '1', 1, '78709a5d-2d35-4327-b9db-0eeef23498eb', 'src/0', 1, 0, '"b!"', '{}', '{"place":[1],"open":[[0,0]]}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, more) VALUES (3, 0, 1, '0', 1, '78709a5d-2d35-4327-b9db-0eeef23498eb', 'src/0', 0, 0, '"a!"', '{}', '{"place":[0],"to":[1,0]}');
INSERT INTO complete_markers (shard_pk, generation) VALUES (1, 0);
INSERT INTO complete_markers (shard_pk, generation) VALUES (2, 0);
INSERT INTO registry (pk, kind, id, value) VALUES (1, 'dead_letter', 'l', '{"id":"l","topic":"status","key":"k","body":"{","reason":"no JSON","at":1700000026366}');
INSERT INTO store_time (pk, latest) VALUES (1, 1700000026318);
PRAGMA application_id = 1179406167;
PRAGMA user_version = 3;
