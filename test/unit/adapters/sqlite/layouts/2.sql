-- A file of layout 2, as text: one task that has ended, and one whose process died at the last batch of its last node.
CREATE TABLE tasks (
  pk INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  record TEXT NOT NULL,
  graph TEXT NOT NULL,
  params TEXT NOT NULL,
  vars TEXT NOT NULL,
  vars_version INTEGER NOT NULL,
  applied_by TEXT NOT NULL,
  idempotency_key TEXT UNIQUE,
  sweep_at REAL,
  deadline_at REAL,
  ended_at REAL
  ) STRICT;
CREATE INDEX tasks_by_status ON tasks (status, pk);
CREATE INDEX tasks_by_sweep ON tasks (sweep_at) WHERE sweep_at IS NOT NULL;
CREATE INDEX tasks_by_deadline ON tasks (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX tasks_by_end ON tasks (ended_at, pk) WHERE ended_at IS NOT NULL;
CREATE TABLE loans (
  lender TEXT NOT NULL,
  borrower TEXT NOT NULL,
  PRIMARY KEY (lender, borrower)
  ) STRICT, WITHOUT ROWID;
CREATE INDEX loans_by_borrower ON loans (borrower);
CREATE TABLE shards (
  pk INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  shard INTEGER NOT NULL,
  status TEXT NOT NULL,
  record TEXT NOT NULL,
  type TEXT NOT NULL,
  priority INTEGER NOT NULL,
  ready_at REAL NOT NULL,
  queue_order INTEGER,
  due_at REAL,
  expires_at REAL,
  UNIQUE (task_id, node_id, shard)
  ) STRICT;
CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE artifacts (
  shard_pk INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  uid TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  claim_id TEXT NOT NULL,
  origin_source TEXT NOT NULL,
  origin_seq INTEGER NOT NULL,
  origin_chunk INTEGER NOT NULL,
  meta TEXT NOT NULL,
  metrics TEXT NOT NULL,
  PRIMARY KEY (shard_pk, generation, seq)
  ) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX artifacts_by_uid ON artifacts (shard_pk, generation, uid);
CREATE INDEX artifacts_by_origin ON artifacts (shard_pk, generation, origin_source, seq);
CREATE TABLE complete_markers (
  shard_pk INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (shard_pk, generation)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE slots (
  limit_key TEXT NOT NULL,
  task_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  shard INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  claim_id TEXT NOT NULL,
  PRIMARY KEY (limit_key, task_id, node_id, shard, epoch, claim_id)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE workers (id TEXT PRIMARY KEY, record TEXT NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letters (
  pk INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  letter TEXT NOT NULL
  ) STRICT;
CREATE TABLE store_time (pk INTEGER PRIMARY KEY CHECK (pk = 1), latest REAL NOT NULL) STRICT;
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (1, '4399603e-0924-4c1a-8bda-08305572644a', 'finished', '{"id":"4399603e-0924-4c1a-8bda-08305572644a","priority":0,"status":"finished","idempotencyKey":"done","createdAt":1700000000003,"endedAt":1700000000007}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]}],"edges":[]}', '{}', '{}', 0, '[]', 'done', NULL, NULL, 1700000000007);
INSERT INTO tasks (pk, id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key, sweep_at, deadline_at, ended_at) VALUES (2, 'f24eef3a-48e2-4766-b537-d0a53b1b1d6b', 'running', '{"id":"f24eef3a-48e2-4766-b537-d0a53b1b1d6b","priority":0,"status":"running","idempotencyKey":"open","createdAt":1700000000008}', '{"schema_version":"1.0","nodes":[{"node_id":"src","type":"src","depends_on":[]},{"node_id":"step","type":"step","depends_on":["src"]}],"edges":[["src","step"]]}', '{}', '{}', 0, '[]', 'open', 1700000000008, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (1, '4399603e-0924-4c1a-8bda-08305572644a', 'src', 0, 'finished', '{"taskId":"4399603e-0924-4c1a-8bda-08305572644a","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000004,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000004,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000005,"cause":"claim","workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000006,"cause":"complete","workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b"}],"lastClaimId":"6296bbe1-18cf-498e-aa11-e9e387bb17ce","count":3}', 'src', 0, 1700000000004, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (2, 'f24eef3a-48e2-4766-b537-d0a53b1b1d6b', 'src', 0, 'finished', '{"taskId":"f24eef3a-48e2-4766-b537-d0a53b1b1d6b","nodeId":"src","shard":0,"epoch":1,"type":"src","priority":0,"status":"finished","readyAt":1700000000009,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000009,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000010,"cause":"claim","workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b"},{"n":2,"epoch":1,"from":"running","to":"finished","at":1700000000011,"cause":"complete","workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b"}],"lastClaimId":"32d26346-1377-4dff-89f5-dd71eec36ae3","count":3}', 'src', 0, 1700000000009, NULL, NULL, NULL);
INSERT INTO shards (pk, task_id, node_id, shard, status, record, type, priority, ready_at, queue_order, due_at, expires_at) VALUES (3, 'f24eef3a-48e2-4766-b537-d0a53b1b1d6b', 'step', 0, 'running', '{"taskId":"f24eef3a-48e2-4766-b537-d0a53b1b1d6b","nodeId":"step","shard":0,"epoch":1,"type":"step","priority":0,"status":"running","readyAt":1700000000012,"failures":0,"lost":0,"yields":0,"generation":0,"sourceGens":{},"history":[{"n":0,"epoch":1,"from":"absent","to":"queued","at":1700000000012,"cause":"dispatch"},{"n":1,"epoch":1,"from":"queued","to":"running","at":1700000000013,"cause":"claim","workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b"}],"lease":{"workerId":"worker-25af8cd3-ce9c-4717-9ece-f69bc62da20b","claimId":"f6b1cf6c-ee09-49dd-a7ad-ffde642e29e0","deadline":1700000030013}}', 'step', 0, 1700000000012, NULL, NULL, 1700000030013);
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (1, 0, 0, '0', 1, '6296bbe1-18cf-498e-aa11-e9e387bb17ce', '', 0, 0, '"a"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (1, 0, 1, '1', 1, '6296bbe1-18cf-498e-aa11-e9e387bb17ce', '', 1, 0, '"b"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (1, 0, 2, '2', 1, '6296bbe1-18cf-498e-aa11-e9e387bb17ce', '', 2, 0, '"c"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (2, 0, 0, '0', 1, '32d26346-1377-4dff-89f5-dd71eec36ae3', '', 0, 0, '"a"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (2, 0, 1, '1', 1, '32d26346-1377-4dff-89f5-dd71eec36ae3', '', 1, 0, '"b"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (2, 0, 2, '2', 1, '32d26346-1377-4dff-89f5-dd71eec36ae3', '', 2, 0, '"c"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (3, 0, 0, '0', 1, 'f6b1cf6c-ee09-49dd-a7ad-ffde642e29e0', 'src/0', 0, 0, '"a!"', '{}');
INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics) VALUES (3, 0, 1, '1', 1, 'f6b1cf6c-ee09-49dd-a7ad-ffde642e29e0', 'src/0', 1, 0, '"b!"', '{}');
INSERT INTO complete_markers (shard_pk, generation) VALUES (1, 0);
INSERT INTO complete_markers (shard_pk, generation) VALUES (2, 0);
INSERT INTO workers (id, record, until) VALUES ('w', '{"id":"w","types":["src"],"capacity":8,"running":1}', 1700000030016);
INSERT INTO dead_letters (pk, id, letter) VALUES (1, 'l', '{"id":"l","topic":"status","key":"k","body":"{","reason":"no JSON","at":1700000000014}');
INSERT INTO store_time (pk, latest) VALUES (1, 1700000000003);
PRAGMA application_id = 1179406167;
PRAGMA user_version = 2;
