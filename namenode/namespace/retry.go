package namespace

import (
	"errors"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

// retryCache remembers how the latest calls marked AtMostOnce ended, so that one that comes again, because its answer was lost, is
// answered and not done twice (org.apache.hadoop.ipc.RetryCache). It is part of the state, so a new leader knows them too. The oldest
// entries go when there are more than limit or when their time is up.
type retryCache struct {
	limit  int
	expiry int64
	ring   []retryEntry
	head   int // the oldest
	ix     map[retryKey]int32
}

type retryKey struct {
	client [16]byte
	call   int32
}

type retryEntry struct {
	key    retryKey
	method uint8
	expiry int64
	inode  hdfs.INodeID // create: the file; its status is made anew
	more   *retryMore
}

// retryMore is what few entries have.
type retryMore struct {
	response []byte
	failure  *hdfs.Exception
}

func (r *retryCache) init(limit int, expiry int64) {
	r.limit, r.expiry, r.ix = limit, expiry, map[retryKey]int32{}
}

func (r *retryCache) bytes() int64 { return int64(cap(r.ring))*56 + int64(len(r.ix))*40 }

// cached tells which calls are remembered. A successful one whose answer says nothing is not stored with it.
func cached(m journalpb.Method) bool {
	switch m {
	case journalpb.Method_CREATE, journalpb.Method_APPEND, journalpb.Method_RENAME, journalpb.Method_RENAME2, journalpb.Method_CONCAT,
		journalpb.Method_DELETE, journalpb.Method_CREATE_SYMLINK, journalpb.Method_UPDATE_PIPELINE, journalpb.Method_CREATE_SNAPSHOT,
		journalpb.Method_DELETE_SNAPSHOT, journalpb.Method_RENAME_SNAPSHOT, journalpb.Method_SET_XATTR, journalpb.Method_REMOVE_XATTR,
		journalpb.Method_SATISFY_STORAGE_POLICY, journalpb.Method_ENABLE_ERASURE_CODING_POLICY, journalpb.Method_DISABLE_ERASURE_CODING_POLICY,
		journalpb.Method_COMMIT_JOB:
		return true
	}
	return false
}

func keyOf(client []byte, call int32) (k retryKey, ok bool) {
	if len(client) != len(k.client) || call < 0 {
		return k, false
	}
	copy(k.client[:], client)
	k.call = call
	return k, true
}

func (r *retryCache) find(k retryKey, now int64) *retryEntry {
	i, ok := r.ix[k]
	if !ok || r.ring[i].expiry < now {
		return nil
	}
	return &r.ring[i]
}

func (r *retryCache) put(e retryEntry) {
	if r.limit <= 0 {
		return
	}
	if i, ok := r.ix[e.key]; ok {
		r.ring[i] = e
		return
	}
	if len(r.ring) < r.limit {
		r.ix[e.key] = int32(len(r.ring))
		r.ring = append(r.ring, e)
		return
	}
	delete(r.ix, r.ring[r.head].key)
	r.ring[r.head] = e
	r.ix[e.key] = int32(r.head)
	if r.head++; r.head == len(r.ring) {
		r.head = 0
	}
}

// ordered is the entries, oldest first.
func (r *retryCache) ordered() []retryEntry {
	out := make([]retryEntry, 0, len(r.ring))
	out = append(out, r.ring[r.head:]...)
	return append(out, r.ring[:r.head]...)
}

// expire drops the entries whose time is up.
func (r *retryCache) expire(now int64) {
	var live []retryEntry
	for _, e := range r.ordered() {
		if e.expiry >= now {
			live = append(live, e)
		}
	}
	if len(live) == len(r.ring) {
		return
	}
	r.ring, r.head = live, 0
	r.ix = make(map[retryKey]int32, len(live))
	for i := range live {
		r.ix[live[i].key] = int32(i)
	}
}

// remember stores how a call ended.
func (n *Namespace) remember(k retryKey, m journalpb.Method, resp proto.Message, err error) {
	e := retryEntry{key: k, method: uint8(m), expiry: n.now + n.retries.expiry}
	var x *hdfs.Exception
	if errors.As(err, &x) {
		e.more = &retryMore{failure: x}
	} else {
		switch r := resp.(type) {
		case *hdfspb.CreateResponseProto:
			e.inode = hdfs.INodeID(r.Fs.GetFileId())
		default:
			if b := marshal(resp); len(b) > 0 {
				e.more = &retryMore{response: b}
			}
		}
	}
	n.retries.put(e)
}

// Cached answers how an earlier call with that key ended. The leader may ask before it proposes; Apply asks again.
func (n *Namespace) Cached(clientID []byte, callID int32, nowMS int64) (resp proto.Message, err error, ok bool) {
	k, valid := keyOf(clientID, callID)
	if !valid {
		return nil, nil, false
	}
	e := n.retries.find(k, nowMS)
	if e == nil {
		return nil, nil, false
	}
	resp, err = n.replay(e)
	return resp, err, true
}

func (n *Namespace) replay(e *retryEntry) (proto.Message, error) {
	if e.more != nil && e.more.failure != nil {
		return nil, e.more.failure
	}
	m, _ := methodByNumber(journalpb.Method(e.method))
	resp := m.response()
	if c, ok := resp.(*hdfspb.CreateResponseProto); ok {
		if slot := n.tree.ByID(e.inode); slot != 0 {
			c.Fs = n.status(slot, 0, nil)
		}
		return c, nil
	}
	if e.more != nil {
		if err := unmarshal(e.more.response, resp); err != nil {
			return nil, ioFail("retry cache: %v", err)
		}
	}
	return resp, nil
}
