package namespace

import (
	"sort"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

// event is what inotify tells of one change. The log of them is kept in memory only: a restart begins a new one, and a client
// that is further behind than the log reaches is told so, as when Apache has purged its edits.
type event struct {
	tx   int64
	kind hdfspb.EventType
	time int64
	path string
	dst  string
	meta hdfspb.MetadataUpdateType
	flag bool // create: overwrite; append: new block; create of a directory is told by dir
	dir  bool
	size int64

	mtime, atime, blockSize int64
	mode, repl              uint16
	owner, group            string
}

// eventLog keeps the latest events.
type eventLog struct {
	limit int
	list  []event
}

func (l *eventLog) init(limit int) { l.limit = limit }

func (l *eventLog) add(e event) {
	if l.limit <= 0 {
		return
	}
	if len(l.list) >= l.limit+l.limit/4 {
		l.list = append(l.list[:0], l.list[len(l.list)-l.limit:]...)
	}
	l.list = append(l.list, e)
}

func (n *Namespace) noteEvent(kind hdfspb.EventType, slot uint32, path string, more func(*event)) {
	if n.events.limit <= 0 {
		return
	}
	e := event{tx: int64(n.applied), kind: kind, time: n.now, path: path}
	if slot != 0 {
		in := n.tree.Inode(slot)
		e.mtime, e.atime, e.mode, e.owner, e.group, e.dir = in.MTime, in.ATime, in.Perm(), n.userOf(in), n.groupOf(in), in.IsDir()
		if !e.dir {
			e.repl, e.blockSize = in.Replication(), n.blockSizeOf(in)
		}
	}
	if more != nil {
		more(&e)
	}
	n.events.add(e)
}

func (n *Namespace) eventCreate(slot uint32, path string, overwrite bool) {
	n.noteEvent(hdfspb.EventType_EVENT_CREATE, slot, path, func(e *event) { e.flag = overwrite })
}

func (n *Namespace) eventClose(slot uint32) {
	if n.events.limit > 0 {
		size := n.tree.Length(slot)
		n.noteEvent(hdfspb.EventType_EVENT_CLOSE, 0, n.pathOf(slot), func(e *event) { e.size = size })
	}
}

func (n *Namespace) eventAppend(_ uint32, path string, newBlock bool) {
	n.noteEvent(hdfspb.EventType_EVENT_APPEND, 0, path, func(e *event) { e.flag = newBlock })
}

func (n *Namespace) eventTruncate(_ uint32, path string, size int64) {
	n.noteEvent(hdfspb.EventType_EVENT_TRUNCATE, 0, path, func(e *event) { e.size = size })
}

func (n *Namespace) eventUnlink(path string) {
	n.noteEvent(hdfspb.EventType_EVENT_UNLINK, 0, path, nil)
}

func (n *Namespace) eventRename(src, dst string) {
	n.noteEvent(hdfspb.EventType_EVENT_RENAME, 0, src, func(e *event) { e.dst = dst })
}

func (n *Namespace) eventMetadata(slot uint32, path string, what hdfspb.MetadataUpdateType) {
	n.noteEvent(hdfspb.EventType_EVENT_METADATA, slot, path, func(e *event) { e.meta = what })
}

func (n *Namespace) eventReplication(slot uint32, path string) {
	n.eventMetadata(slot, path, hdfspb.MetadataUpdateType_META_TYPE_REPLICATION)
}

func (e *event) proto() *hdfspb.EventProto {
	var body proto.Message
	perm := &hdfspb.FsPermissionProto{Perm: proto.Uint32(uint32(e.mode))}
	switch e.kind {
	case hdfspb.EventType_EVENT_CREATE:
		kind := hdfspb.INodeType_I_TYPE_FILE
		if e.dir {
			kind = hdfspb.INodeType_I_TYPE_DIRECTORY
		}
		body = &hdfspb.CreateEventProto{Type: &kind, Path: &e.path, Ctime: &e.time, OwnerName: &e.owner, GroupName: &e.group, Perms: perm,
			Replication: proto.Int32(int32(e.repl)), SymlinkTarget: proto.String(""), Overwrite: &e.flag, DefaultBlockSize: &e.blockSize, ErasureCoded: proto.Bool(false)}
	case hdfspb.EventType_EVENT_CLOSE:
		body = &hdfspb.CloseEventProto{Path: &e.path, FileSize: &e.size, Timestamp: &e.time}
	case hdfspb.EventType_EVENT_APPEND:
		body = &hdfspb.AppendEventProto{Path: &e.path, NewBlock: &e.flag}
	case hdfspb.EventType_EVENT_RENAME:
		body = &hdfspb.RenameEventProto{SrcPath: &e.path, DestPath: &e.dst, Timestamp: &e.time}
	case hdfspb.EventType_EVENT_UNLINK:
		body = &hdfspb.UnlinkEventProto{Path: &e.path, Timestamp: &e.time}
	case hdfspb.EventType_EVENT_TRUNCATE:
		body = &hdfspb.TruncateEventProto{Path: &e.path, FileSize: &e.size, Timestamp: &e.time}
	default:
		m := &hdfspb.MetadataUpdateEventProto{Path: &e.path, Type: &e.meta}
		switch e.meta {
		case hdfspb.MetadataUpdateType_META_TYPE_TIMES:
			m.Mtime, m.Atime = &e.mtime, &e.atime
		case hdfspb.MetadataUpdateType_META_TYPE_REPLICATION:
			m.Replication = proto.Int32(int32(e.repl))
		case hdfspb.MetadataUpdateType_META_TYPE_OWNER:
			m.OwnerName, m.GroupName = &e.owner, &e.group
		case hdfspb.MetadataUpdateType_META_TYPE_PERMS:
			m.Perms = perm
		}
		body = m
	}
	kind := e.kind
	return &hdfspb.EventProto{Type: &kind, Contents: marshal(body)}
}

// GetCurrentEditLogTxid is the number of commands applied.
func (n *Namespace) GetCurrentEditLogTxid(c Caller, _ *hdfspb.GetCurrentEditLogTxidRequestProto) (*hdfspb.GetCurrentEditLogTxidResponseProto, error) {
	tx := int64(n.applied)
	return &hdfspb.GetCurrentEditLogTxidResponseProto{Txid: &tx}, n.checkSuperuser(&c, "getCurrentEditLogTxid")
}

// GetEditsFromTxid answers events from a transaction on, as many as fit one answer.
func (n *Namespace) GetEditsFromTxid(c Caller, req *hdfspb.GetEditsFromTxidRequestProto) (*hdfspb.GetEditsFromTxidResponseProto, error) {
	if err := n.checkSuperuser(&c, "getEditsFromTxid"); err != nil {
		return nil, err
	}
	const most = 1000 // dfs.namenode.inotify.max.events.per.rpc
	from, last := req.GetTxid(), int64(n.applied)
	out := &hdfspb.EventsListProto{FirstTxid: proto.Int64(-1), LastTxid: proto.Int64(-1), SyncTxid: &last}
	if from <= last {
		list := n.events.list
		at := sort.Search(len(list), func(i int) bool { return list[i].tx >= from })
		first := from
		if at < len(list) {
			first = max(from, 1)
		}
		end := last
		for i := at; i < len(list); {
			if len(out.Batch) >= most {
				end = list[i].tx - 1
				break
			}
			b := &hdfspb.EventBatchProto{Txid: proto.Int64(list[i].tx)}
			for tx := list[i].tx; i < len(list) && list[i].tx == tx; i++ {
				b.Events = append(b.Events, list[i].proto())
			}
			out.Batch = append(out.Batch, b)
		}
		out.FirstTxid, out.LastTxid = &first, &end
	}
	return &hdfspb.GetEditsFromTxidResponseProto{EventsList: out}, nil
}
