-- A file of layout 5, as text: two tasks that have ended, and one whose process died at the last batch of its last node.
-- The last node of the second one made a single batch, whose artifact is in the row of its shard.
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
CREATE TABLE artifacts (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, seq INTEGER NOT NULL,
     uid TEXT NOT NULL, epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     origin_source TEXT NOT NULL, origin_seq INTEGER NOT NULL, chunk INTEGER NOT NULL,
     meta TEXT NOT NULL, metrics TEXT NOT NULL, extras TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (shard_pk, generation, seq)
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
CREATE TABLE "shards" (
     pk INTEGER PRIMARY KEY, task_pk INTEGER NOT NULL, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     status TEXT NOT NULL, record TEXT NOT NULL, type TEXT NOT NULL, priority INTEGER NOT NULL, ready_at REAL NOT NULL,
     queue_order INTEGER, due_at REAL, expires_at REAL, only_artifact TEXT, UNIQUE (task_pk, node_id, shard)
   ) STRICT;
CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL;
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (1, '07b5b144-f2ad-449c-b57c-dde70aa0454f', 'finished', '{"id":"07b5b144-f2ad-449c-b57c-dde70aa0454f","priority":0,"status":"finished","idempotencyKey":"done","createdAt":1700000000015,"endedAt":1700000000030}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]}],"edges":[],"schemas":{}}', '{}', '{}', 0, '[]', 'done', NULL, NULL, 1700000000030);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (2, 'ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b', 'finished', '{"id":"ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b","priority":0,"status":"finished","idempotencyKey":"one","createdAt":1700000000035,"endedAt":1700000000044}', '{"schema_version":"1.0","nodes":[{"node_id":"one","type":"one","depends_on":[]},{"node_id":"step","type":"step","depends_on":["one"]}],"edges":[["one","step"]],"schemas":{}}', '{}', '{}', 0, '[]', 'one', NULL, NULL, 1700000000044);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (3, '8d09bb99-c627-4186-852d-56688e254b77', 'running', '{"id":"8d09bb99-c627-4186-852d-56688e254b77","priority":0,"status":"running","idempotencyKey":"open","createdAt":1700000000049}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]},{"node_id":"step","type":"step","depends_on":["src"]}],"edges":[["src","step"]],"schemas":{}}', '{}', '{}', 0, '[]', 'open', 1700000000049, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact) VALUES (1, 1, '07b5b144-f2ad-449c-b57c-dde70aa0454f', 'src', 0, 'finished', '{"taskId":"07b5b144-f2ad-449c-b57c-dde70aa0454f","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000016,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000016,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000018,"cause":"claim","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000028,"cause":"complete","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"}],"lastClaimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-1","count":3}', 'src', 0, 1700000000016, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact) VALUES (2, 2, 'ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b', 'one', 0, 'finished', '{"taskId":"ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b","nodeId":"one","shard":0,"epoch":1,"type":"one","priority":0,"status":"finished","readyAt":1700000000036,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000036,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000038,"cause":"claim","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000041,"cause":"complete","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"}],"lastClaimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-2","count":1}', 'one', 0, 1700000000036, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact) VALUES (3, 2, 'ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b', 'step', 0, 'finished', '{"taskId":"ae7a3e4f-b2aa-47a7-8821-3f75bc81e89b","nodeId":"step","shard":0,"epoch":1,"type":"step","priority":0,"status":"finished","readyAt":1700000000041,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000041,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000041,"cause":"claim","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000042,"cause":"complete","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"}],"lastClaimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-3","count":1}', 'step', 0, 1700000000041, NULL, NULL, NULL, '{"seq":0,"uid":"0","origin":{"source":"one/0","seq":0,"chunk":0},"metrics":{},"epoch":1,"claimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-3","meta":"x!"}');
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact) VALUES (4, 3, '8d09bb99-c627-4186-852d-56688e254b77', 'src', 0, 'finished', '{"taskId":"8d09bb99-c627-4186-852d-56688e254b77","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000050,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000050,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000052,"cause":"claim","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000057,"cause":"complete","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"}],"lastClaimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-4","count":3}', 'src', 0, 1700000000050, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact) VALUES (5, 3, '8d09bb99-c627-4186-852d-56688e254b77', 'step', 0, 'running', '{"taskId":"8d09bb99-c627-4186-852d-56688e254b77","nodeId":"step","shard":0,"epoch":1,"type":"step","priority":0,"status":"running","readyAt":1700000000057,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000057,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000057,"cause":"claim","workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb"}],"lease":{"workerId":"worker-31895cb4-cfae-409b-8879-ab468c4ebfdb","claimId":"c6177dba-d9f1-4624-aa48-3979f4e58839-5","deadline":1700000030057,"habits":{"resumes":true,"rereads":false}}}', 'step', 0, 1700000000057, NULL, NULL, 1700000030057, NULL);
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 0, '0', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-1', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 1, '1', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-1', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 2, '2', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-1', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (2, 0, 0, '0', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-2', '', 0, 0, '"x"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 0, '0', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-4', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 1, '1', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-4', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 2, '2', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-4', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (5, 0, 0, '0', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-5', 'src/0', 0, 0, '"a!"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (5, 0, 1, '1', 1, 'c6177dba-d9f1-4624-aa48-3979f4e58839-5', 'src/0', 1, 0, '"b!"', '{}', '{}');
INSERT INTO store_time (pk, latest) VALUES (1, 1700000000003);
INSERT INTO registry (pk, kind, id, value) VALUES (5, 'dead_letter', 'l', '{"id":"l","topic":"status","key":"k","body":"{","reason":"no JSON","at":1700000000014}');
PRAGMA application_id = 1179406167;
PRAGMA user_version = 5;
