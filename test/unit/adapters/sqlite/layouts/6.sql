-- A file of layout 6, as text: two tasks that have ended, and one whose process died at the last batch of its last node.
-- The last node of the second one made a single batch, whose artifact is in the row of its shard. The lease of the last
-- one is not indexed yet.
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
CREATE TABLE store_time (pk INTEGER PRIMARY KEY CHECK (pk = 1), latest REAL NOT NULL, fresh_from INTEGER, fresh_until REAL) STRICT;
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
     status TEXT NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL, priority INTEGER NOT NULL, ready_at REAL NOT NULL,
     queue_order INTEGER, due_at REAL, expires_at REAL, only_artifact TEXT, fresh_until REAL, UNIQUE (task_pk, node_id, shard)
   ) STRICT;
CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL;
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (1, '77d1e7bc-2381-430d-872d-d8d3a9132819', 'finished', '{"id":"77d1e7bc-2381-430d-872d-d8d3a9132819","priority":0,"status":"finished","idempotencyKey":"done","createdAt":1700000000014,"endedAt":1700000000024}', '{"schema_version":"1.0","name":"done","nodes":[{"node_id":"src","type":"src","depends_on":[]}],"edges":[],"schemas":{"src":{"output":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]}}}}', '{}', '{}', 0, '[]', 'done', NULL, NULL, 1700000000024);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (2, '744a51cc-d44d-4551-8752-00b576b59c49', 'finished', '{"id":"744a51cc-d44d-4551-8752-00b576b59c49","priority":0,"status":"finished","idempotencyKey":"one","createdAt":1700000000030,"endedAt":1700000000040}', '{"schema_version":"1.0","name":"one","nodes":[{"node_id":"one","type":"one","depends_on":[]},{"node_id":"step","type":"step","depends_on":["one"],"io":{"input_inline":{"input_adapter":"pull.from_artifacts","input_args":{"from_nodes":["one"]}}}}],"edges":[["one","step"]],"schemas":{"one":{"output":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]}},"step":{"input":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]},"output":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]}}}}', '{}', '{}', 0, '[]', 'one', NULL, NULL, 1700000000040);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (3, '5363af92-be93-4a10-a514-d65312614c71', 'running', '{"id":"5363af92-be93-4a10-a514-d65312614c71","priority":0,"status":"running","idempotencyKey":"open","createdAt":1700000000046}', '{"schema_version":"1.0","name":"open","nodes":[{"node_id":"src","type":"src","depends_on":[]},{"node_id":"step","type":"step","depends_on":["src"],"io":{"input_inline":{"input_adapter":"pull.from_artifacts","input_args":{"from_nodes":["src"]}}}}],"edges":[["src","step"]],"schemas":{"src":{"output":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]}},"step":{"input":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]},"output":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"},{"type":"array","items":{"$ref":"#"}},{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#"}}]}}}}', '{}', '{}', 0, '[]', 'open', 1700000000046, NULL, NULL);
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 0, '0', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-1', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 1, '1', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-1', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (1, 0, 2, '2', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-1', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (2, 0, 0, '0', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-2', '', 0, 0, '"x"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 0, '0', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-4', '', 0, 0, '"a"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 1, '1', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-4', '', 1, 0, '"b"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (4, 0, 2, '2', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-4', '', 2, 0, '"c"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (5, 0, 0, '0', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-5', 'src/0', 0, 0, '"a!"', '{}', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, chunk, meta, metrics, extras) VALUES (5, 0, 1, '1', 1, 'f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-5', 'src/0', 1, 0, '"b!"', '{}', '{}');
INSERT INTO store_time (pk, latest, fresh_from, fresh_until) VALUES (1, 1700000000003, 3, 1700000030037);
INSERT INTO registry (pk, kind, id, value, due_at, until) VALUES (1, 'worker', 'coordinator-f5b4285e-e8f4-4dc3-97bf-20b8200b9aee.fn', '{"id":"coordinator-f5b4285e-e8f4-4dc3-97bf-20b8200b9aee.fn","types":["coordinator_fn"],"capacity":16,"running":0}', NULL, 1700000030003);
INSERT INTO registry (pk, kind, id, value, due_at, until) VALUES (2, 'worker_seen', 'coordinator-f5b4285e-e8f4-4dc3-97bf-20b8200b9aee.fn', '{"ttlMs":30000}', NULL, 1700003600004);
INSERT INTO registry (pk, kind, id, value, due_at, until) VALUES (3, 'worker', 'worker-a57b9964-b495-442b-8607-d0ba52356843', '{"id":"worker-a57b9964-b495-442b-8607-d0ba52356843","types":["src","one","step"],"capacity":8,"running":0}', NULL, 1700000030011);
INSERT INTO registry (pk, kind, id, value, due_at, until) VALUES (4, 'worker_seen', 'worker-a57b9964-b495-442b-8607-d0ba52356843', '{"ttlMs":30000}', NULL, 1700003600012);
INSERT INTO registry (pk, kind, id, value, due_at, until) VALUES (5, 'dead_letter', 'l', '{"id":"l","topic":"status","key":"k","body":"{","reason":"no JSON","at":1700000000045}', NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, state, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact, fresh_until) VALUES (1, 1, '77d1e7bc-2381-430d-872d-d8d3a9132819', 'src', 0, 'finished', '{"epoch":1,"lastClaimId":"f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-1","count":3,"history":[[0,1,"absent","queued",1700000000015,"dispatch"],[1,1,"queued","running",1700000000017,"claim","worker-a57b9964-b495-442b-8607-d0ba52356843"],[2,1,"running","finished",1700000000022,"complete",1]]}', 'src', 0, 1700000000015, NULL, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, state, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact, fresh_until) VALUES (2, 2, '744a51cc-d44d-4551-8752-00b576b59c49', 'one', 0, 'finished', '{"epoch":1,"lastClaimId":"f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-2","count":1,"history":[[0,1,"absent","queued",1700000000031,"dispatch"],[1,1,"queued","running",1700000000033,"claim","worker-a57b9964-b495-442b-8607-d0ba52356843"],[2,1,"running","finished",1700000000037,"complete",1]]}', 'one', 0, 1700000000031, NULL, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, state, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact, fresh_until) VALUES (3, 2, '744a51cc-d44d-4551-8752-00b576b59c49', 'step', 0, 'finished', '{"epoch":1,"lastClaimId":"f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-3","count":1,"history":[[0,1,"absent","queued",1700000000037,"dispatch"],[1,1,"queued","running",1700000000037,"claim","worker-a57b9964-b495-442b-8607-d0ba52356843"],[2,1,"running","finished",1700000000038,"complete",1]]}', 'step', 0, 1700000000037, NULL, NULL, NULL, '{"uid":"0","origin":{"source":"one/0","seq":0,"chunk":0},"epoch":1,"meta":"x!"}', NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, state, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact, fresh_until) VALUES (4, 3, '5363af92-be93-4a10-a514-d65312614c71', 'src', 0, 'finished', '{"epoch":1,"lastClaimId":"f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-4","count":3,"history":[[0,1,"absent","queued",1700000000047,"dispatch"],[1,1,"queued","running",1700000000049,"claim","worker-a57b9964-b495-442b-8607-d0ba52356843"],[2,1,"running","finished",1700000000054,"complete",1]]}', 'src', 0, 1700000000047, NULL, NULL, NULL, NULL, NULL);
INSERT INTO shards (pk, task_pk, task_id, node_id, shard, status, state, type, priority, ready_at, queue_order, due_at, expires_at, only_artifact, fresh_until) VALUES (5, 3, '5363af92-be93-4a10-a514-d65312614c71', 'step', 0, 'running', '{"epoch":1,"lease":{"workerId":"worker-a57b9964-b495-442b-8607-d0ba52356843","claimId":"f9e8d7fe-9c37-4f4d-bc78-fe5af1d21b68-5","deadline":1700000030054,"habits":{"resumes":true,"rereads":false}},"history":[[0,1,"absent","queued",1700000000054,"dispatch"],[1,1,"queued","running",1700000000054,"claim","worker-a57b9964-b495-442b-8607-d0ba52356843"]]}', 'step', 0, 1700000000054, NULL, NULL, NULL, NULL, 1700000030054);
PRAGMA application_id = 1179406167;
PRAGMA user_version = 6;
