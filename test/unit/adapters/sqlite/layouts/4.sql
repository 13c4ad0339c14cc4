-- A file of layout 4, as text: one task that has ended, and one whose process died at the last batch of its last node.
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
     meta TEXT NOT NULL, metrics TEXT NOT NULL, details TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (shard_pk, generation, seq)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE complete_markers (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (shard_pk, generation)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE slots (
     limit_key TEXT NOT NULL, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     PRIMARY KEY (limit_key, task_id, node_id, shard, epoch, claim_id)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE store_time (pk INTEGER PRIMARY KEY CHECK (pk = 1), latest REAL NOT NULL) STRICT;
CREATE TABLE registry (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, due_at REAL,
     until REAL, UNIQUE (kind, id)
   ) STRICT;
CREATE INDEX registry_by_order ON registry (kind, pk);
CREATE INDEX registry_by_due ON registry (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX registry_by_end ON registry (until) WHERE until IS NOT NULL;
CREATE UNIQUE INDEX artifacts_by_uid ON artifacts (shard_pk, generation, uid) WHERE seq >= 8;
CREATE INDEX artifacts_by_origin ON artifacts (shard_pk, generation, origin_source, seq) WHERE seq >= 8;
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (1, '0f08fb85-2382-4a44-aa0f-ee723f75756a', 'finished', '{"id":"0f08fb85-2382-4a44-aa0f-ee723f75756a","priority":0,"status":"finished","idempotencyKey":"done","createdAt":1700000000028,"endedAt":1700000000042}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]}],"edges":[]}', '{}', '{}', 0, '[]', 'done', NULL, NULL, 1700000000042);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (2, '2e958f49-f28b-431c-a830-660277948949', 'running', '{"id":"2e958f49-f28b-431c-a830-660277948949","priority":0,"status":"running","idempotencyKey":"open","createdAt":1700000000044}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]},{"node_id":"step","type":"step","depends_on":["src"]}],"edges":[["src","step"]]}', '{}', '{}', 0, '[]', 'open', 1700000031030, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (1, '0f08fb85-2382-4a44-aa0f-ee723f75756a', 'src', 0, 'finished', '{"taskId":"0f08fb85-2382-4a44-aa0f-ee723f75756a","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000030,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000030,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000031,"cause":"claim","workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000041,"cause":"complete","workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913"}],"lastClaimId":"4f790921-2211-4cc9-8033-e067f34423fa-1","count":3}', 'src', 0, 1700000000030, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (2, '2e958f49-f28b-431c-a830-660277948949', 'src', 0, 'finished', '{"taskId":"2e958f49-f28b-431c-a830-660277948949","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000044,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000044,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000044,"cause":"claim","workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000045,"cause":"complete","workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913"}],"lastClaimId":"4f790921-2211-4cc9-8033-e067f34423fa-2","count":3}', 'src', 0, 1700000000044, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (3, '2e958f49-f28b-431c-a830-660277948949', 'step', 0, 'running', '{"taskId":"2e958f49-f28b-431c-a830-660277948949","nodeId":"step","shard":0,"epoch":1,"type":"step","priority":0,"status":"running","readyAt":1700000000045,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000045,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000045,"cause":"claim","workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913"}],"lease":{"workerId":"worker-571aabf5-60a1-400e-bb45-8d53d65a3913","claimId":"4f790921-2211-4cc9-8033-e067f34423fa-3","deadline":1700000030045,"habits":{"resumes":true,"rereads":false}}}', 'step', 0, 1700000000045, NULL, NULL, 1700000030045);
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (1, 0, 0, '0', 1, '4f790921-2211-4cc9-8033-e067f34423fa-1', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (1, 0, 1, '1', 1, '4f790921-2211-4cc9-8033-e067f34423fa-1', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (1, 0, 2, '2', 1, '4f790921-2211-4cc9-8033-e067f34423fa-1', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (2, 0, 0, '0', 1, '4f790921-2211-4cc9-8033-e067f34423fa-2', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (2, 0, 1, '1', 1, '4f790921-2211-4cc9-8033-e067f34423fa-2', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (2, 0, 2, '2', 1, '4f790921-2211-4cc9-8033-e067f34423fa-2', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (3, 0, 0, '1', 1, '4f790921-2211-4cc9-8033-e067f34423fa-3', 'src/0', 1, 0, '"b!"', '{}', '{"place":[1],"open":[[0,0]]}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, details) VALUES (3, 0, 1, '0', 1, '4f790921-2211-4cc9-8033-e067f34423fa-3', 'src/0', 0, 0, '"a!"', '{}', '{"place":[0],"to":[1,0]}');
INSERT INTO store_time (pk, latest) VALUES (1, 1700000001030);
INSERT INTO registry (pk, kind, id, value) VALUES (5, 'dead_letter', 'l', '{"id":"l","topic":"status","key":"k","body":"{","reason":"no JSON","at":1700000001545}');
PRAGMA application_id = 1179406167;
PRAGMA user_version = 4;
