package namespace_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts under testdata answer as what they should answer")

// TestScripts runs testdata/scripts/*.txt. A script is lines of commands, each with the lines it answers below it, indented by two
// spaces. Lines that begin with # and empty lines stay as they are.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			in, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t)
			var out strings.Builder
			for _, line := range strings.Split(strings.TrimRight(string(in), "\n"), "\n") {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				out.WriteString(line + "\n")
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				for _, l := range strings.Split(strings.TrimRight(s.run(line), "\n"), "\n") {
					if l != "" {
						out.WriteString("  " + l + "\n")
					}
				}
			}
			if out.String() == string(in) {
				return
			}
			if *rewrite {
				if err := os.WriteFile(f, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s answers otherwise (run with -rewrite to accept):\n%s", f, firstDifference(string(in), out.String()))
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}

type script struct {
	t    *testing.T
	n    *namespace.Namespace
	h    namespace.Header
	last map[string]*hdfspb.ExtendedBlockProto // last block that addBlock or append gave for a path
	rec  map[string]namespace.BlockRecovery
}

func newScript(t *testing.T) *script {
	s := &script{t: t, n: namespace.New(namespace.Options{MinBlockSize: 16}, nil), h: root(t0), last: map[string]*hdfspb.ExtendedBlockProto{}, rec: map[string]namespace.BlockRecovery{}}
	if _, err := s.n.Apply(s.h, format()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *script) do(req proto.Message) (proto.Message, string) {
	resp, err := s.n.Apply(s.h, req)
	s.h.SoftExpired = false
	if err != nil {
		return nil, failure(err)
	}
	return resp, ""
}

func failure(err error) string { return "! " + hdfs.ClassOf(err) + ": " + err.Error() }

// say is a call whose answer is told by its fields.
func (s *script) say(req proto.Message) string {
	resp, e := s.do(req)
	if e != "" {
		return e
	}
	return tell(resp, nil)
}

func tell(m proto.Message, err error) string {
	if err != nil {
		return failure(err)
	}
	text := prototext.MarshalOptions{Multiline: false}.Format(m)
	return strings.Join(strings.Fields(text), " ") // the format varies its spaces on purpose
}

func num(s string) uint64 {
	v, _ := strconv.ParseUint(s, 0, 64)
	return v
}

func oct(s string) *hdfspb.FsPermissionProto {
	v, _ := strconv.ParseUint(s, 8, 32)
	return perm(uint32(v))
}

func (s *script) run(line string) string {
	f := strings.Fields(line)
	cmd, a := f[0], append(f[1:], "", "", "", "")
	c := s.h.Caller()
	src := &a[0]
	switch cmd {
	case "user": // user name group…
		s.h.User, s.h.Groups, s.h.Superuser = a[0], f[2:], a[0] == "hdfs"
	case "wait":
		s.h.TimeMS += int64(num(a[0])) * 1000
	case "soft-expired":
		s.h.SoftExpired = true
	case "mkdirs":
		return s.say(&hdfspb.MkdirsRequestProto{Src: src, Masked: oct(a[1]), CreateParent: proto.Bool(a[2] == "-p")})
	case "create": // create path client [flags]
		r := createReq(a[0], a[1])
		r.BlockSize = proto.Uint64(100)
		if a[2] != "" {
			r.CreateFlag = proto.Uint32(uint32(num(a[2])))
		}
		resp, e := s.do(r)
		if e != "" {
			return e
		}
		return fmt.Sprint("inode ", resp.(*hdfspb.CreateResponseProto).Fs.GetFileId())
	case "add": // add path client [bytes in the previous block]
		r := &hdfspb.AddBlockRequestProto{Src: src, ClientName: &a[1]}
		if a[2] != "" {
			r.Previous = proto.Clone(s.last[a[0]]).(*hdfspb.ExtendedBlockProto)
			r.Previous.NumBytes = proto.Uint64(num(a[2]))
		}
		resp, e := s.do(r)
		if e != "" {
			return e
		}
		b := resp.(*hdfspb.AddBlockResponseProto).Block
		s.last[a[0]] = b.B
		return fmt.Sprintf("%s at %d", blockText(b.B), b.GetOffset())
	case "complete": // complete path client [bytes]
		r := &hdfspb.CompleteRequestProto{Src: src, ClientName: &a[1]}
		if a[2] != "" {
			r.Last = proto.Clone(s.last[a[0]]).(*hdfspb.ExtendedBlockProto)
			r.Last.NumBytes = proto.Uint64(num(a[2]))
		}
		return s.say(r)
	case "append":
		resp, e := s.do(&hdfspb.AppendRequestProto{Src: src, ClientName: &a[1]})
		if e != "" {
			return e
		}
		b := resp.(*hdfspb.AppendResponseProto).Block
		if b == nil {
			return "no block"
		}
		s.last[a[0]] = b.B
		return fmt.Sprintf("%s of %d bytes", blockText(b.B), b.B.GetNumBytes())
	case "fsync":
		return s.say(&hdfspb.FsyncRequestProto{Src: src, Client: &a[1], LastBlockLength: proto.Int64(int64(num(a[2])))})
	case "abandon":
		return s.say(&hdfspb.AbandonBlockRequestProto{Src: src, Holder: &a[1], B: s.last[a[0]]})
	case "bump": // updateBlockForPipeline
		resp, e := s.do(&hdfspb.UpdateBlockForPipelineRequestProto{Block: s.last[a[0]], ClientName: &a[1]})
		if e != "" {
			return e
		}
		return blockText(resp.(*hdfspb.UpdateBlockForPipelineResponseProto).Block.B)
	case "pipeline": // pipeline path client generation-stamp bytes
		b := proto.Clone(s.last[a[0]]).(*hdfspb.ExtendedBlockProto)
		b.GenerationStamp, b.NumBytes = proto.Uint64(num(a[2])), proto.Uint64(num(a[3]))
		out := s.say(&hdfspb.UpdatePipelineRequestProto{ClientName: &a[1], OldBlock: s.last[a[0]], NewBlock: b})
		if out == "" {
			s.last[a[0]] = b
		}
		return out
	case "truncate":
		return s.say(&hdfspb.TruncateRequestProto{Src: src, ClientName: &a[1], NewLength: proto.Uint64(num(a[2]))})
	case "recover-lease":
		return s.say(&hdfspb.RecoverLeaseRequestProto{Src: src, ClientName: &a[1]})
	case "recoveries":
		var out []string
		for _, r := range s.n.TakeRecoveries() {
			path, _ := s.n.PathOf(r.File)
			s.rec[path] = r
			out = append(out, fmt.Sprintf("%s %v as %d", path, r.Block, r.RecoveryID))
		}
		return strings.Join(out, "\n")
	case "recovered": // recovered path bytes
		r := s.rec[a[0]]
		return s.say(syncReq(r, int64(num(a[1]))))
	case "expired":
		var out []string
		for _, l := range s.n.ExpiredLeases(s.h.TimeMS, 10) {
			out = append(out, tell(l, nil)+" -> "+s.say(l))
		}
		return strings.Join(out, "\n")
	case "renew":
		s.n.RenewLease(a[0], s.h.TimeMS)
	case "rename":
		return s.say(&hdfspb.RenameRequestProto{Src: src, Dst: &a[1]})
	case "rename2":
		return s.say(&hdfspb.Rename2RequestProto{Src: src, Dst: &a[1], OverwriteDest: proto.Bool(a[2] == "overwrite"), MoveToTrash: proto.Bool(a[2] == "trash")})
	case "delete":
		return s.say(&hdfspb.DeleteRequestProto{Src: src, Recursive: proto.Bool(a[1] == "-r")})
	case "chmod":
		return s.say(&hdfspb.SetPermissionRequestProto{Src: src, Permission: oct(a[1])})
	case "chown":
		r := &hdfspb.SetOwnerRequestProto{Src: src}
		if a[1] != "" && a[1] != "-" {
			r.Username = &a[1]
		}
		if a[2] != "" {
			r.Groupname = &a[2]
		}
		return s.say(r)
	case "touch":
		return s.say(&hdfspb.SetTimesRequestProto{Src: src, Mtime: proto.Uint64(num(a[1])), Atime: proto.Uint64(num(a[2]))})
	case "setrep":
		return s.say(&hdfspb.SetReplicationRequestProto{Src: src, Replication: proto.Uint32(uint32(num(a[1])))})
	case "quota": // quota path names bytes; - leaves one
		return s.say(&hdfspb.SetQuotaRequestProto{Path: src, NamespaceQuota: quotaArg(a[1]), StoragespaceQuota: quotaArg(a[2])})
	case "usage":
		return tell(s.n.GetQuotaUsage(c, &hdfspb.GetQuotaUsageRequestProto{Path: src}))
	case "count":
		r, err := s.n.GetContentSummary(c, &hdfspb.GetContentSummaryRequestProto{Path: src})
		if err != nil {
			return failure(err)
		}
		x := r.Summary
		return fmt.Sprintf("dirs %d files %d bytes %d space %d", x.GetDirectoryCount(), x.GetFileCount(), x.GetLength(), x.GetSpaceConsumed())
	case "policy":
		return s.say(&hdfspb.SetStoragePolicyRequestProto{Src: src, PolicyName: &a[1]})
	case "setfacl":
		return s.say(&hdfspb.ModifyAclEntriesRequestProto{Src: src, AclSpec: aclArg(a[1])})
	case "setacl":
		return s.say(&hdfspb.SetAclRequestProto{Src: src, AclSpec: aclArg(a[1])})
	case "removeacl":
		return s.say(&hdfspb.RemoveAclRequestProto{Src: src})
	case "getfacl":
		r, err := s.n.GetAclStatus(c, &hdfspb.GetAclStatusRequestProto{Src: src})
		if err != nil {
			return failure(err)
		}
		out := fmt.Sprintf("%o", r.Result.Permission.GetPerm())
		for _, e := range r.Result.Entries {
			out += fmt.Sprintf(" %v:%v:%s:%o", e.GetScope(), e.GetType(), e.GetName(), e.GetPermissions())
		}
		return strings.ToLower(out)
	case "setfattr": // setfattr path namespace name value flag
		ns := hdfspb.XAttrProto_XAttrNamespaceProto(hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(a[1])])
		return s.say(&hdfspb.SetXAttrRequestProto{Src: src, XAttr: &hdfspb.XAttrProto{Namespace: &ns, Name: &a[2], Value: []byte(a[3])}, Flag: proto.Uint32(uint32(num(a[4])))})
	case "getfattr":
		return tell(s.n.GetXAttrs(c, &hdfspb.GetXAttrsRequestProto{Src: src}))
	case "rmfattr":
		ns := hdfspb.XAttrProto_XAttrNamespaceProto(hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(a[1])])
		return s.say(&hdfspb.RemoveXAttrRequestProto{Src: src, XAttr: &hdfspb.XAttrProto{Namespace: &ns, Name: &a[2]}})
	case "allow":
		return s.say(&hdfspb.AllowSnapshotRequestProto{SnapshotRoot: src})
	case "disallow":
		return s.say(&hdfspb.DisallowSnapshotRequestProto{SnapshotRoot: src})
	case "snapshot":
		return s.say(&hdfspb.CreateSnapshotRequestProto{SnapshotRoot: src, SnapshotName: &a[1]})
	case "drop":
		return s.say(&hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: src, SnapshotName: &a[1]})
	case "diff":
		if a[2] == "." {
			a[2] = ""
		}
		r, err := s.n.GetSnapshotDiffReport(c, &hdfspb.GetSnapshotDiffReportRequestProto{SnapshotRoot: src, FromSnapshot: &a[1], ToSnapshot: &a[2]})
		if err != nil {
			return failure(err)
		}
		var out []string
		for _, e := range r.DiffReport.DiffReportEntries {
			l := e.GetModificationLabel() + " ./" + string(e.Fullpath)
			if e.TargetPath != nil {
				l += " -> ./" + string(e.TargetPath)
			}
			out = append(out, l)
		}
		return strings.Join(out, "\n")
	case "concat":
		return s.say(&hdfspb.ConcatRequestProto{Trg: src, Srcs: f[2:]})
	case "access":
		m := hdfspb.AclEntryProto_FsActionProto(num(a[1]))
		return tell(s.n.CheckAccess(c, &hdfspb.CheckAccessRequestProto{Path: src, Mode: &m}))
	case "stat":
		r, err := s.n.GetFileInfo(c, &hdfspb.GetFileInfoRequestProto{Src: src})
		if err != nil {
			return failure(err)
		}
		if r.Fs == nil {
			return "none"
		}
		return statText(r.Fs)
	case "ls":
		r, err := s.n.GetListing(c, &hdfspb.GetListingRequestProto{Src: src, StartAfter: []byte(a[1]), NeedLocation: proto.Bool(false)})
		if err != nil {
			return failure(err)
		}
		if r.DirList == nil {
			return "none"
		}
		var out []string
		for _, st := range r.DirList.PartialListing {
			out = append(out, string(st.Path)+" "+statText(st))
		}
		return strings.Join(out, "\n")
	case "blocks":
		r, _, err := s.n.GetBlockLocations(c, &hdfspb.GetBlockLocationsRequestProto{Src: src, Offset: proto.Uint64(num(a[1])), Length: proto.Uint64(1000)}, s.h.TimeMS)
		if err != nil {
			return failure(err)
		}
		var out []string
		for _, b := range r.Locations.Blocks {
			out = append(out, fmt.Sprintf("%s at %d of %d bytes", blockText(b.B), b.GetOffset(), b.B.GetNumBytes()))
		}
		out = append(out, fmt.Sprintf("length %d open %v last complete %v", r.Locations.GetFileLength(), r.Locations.GetUnderConstruction(), r.Locations.GetIsLastBlockComplete()))
		return strings.Join(out, "\n")
	case "commit-job": // commit-job marker src dst [src dst]…
		r := &journalpb.CommitJob{Marker: src}
		for i := 2; i+1 < len(f); i += 2 {
			r.Moves = append(r.Moves, &journalpb.CommitJob_Move{Src: &f[i], Dst: &f[i+1]})
		}
		return s.say(r)
	case "purge":
		return s.say(&journalpb.PurgeTrash{TrashRoot: src, Checkpoint: &a[1], Expired: f[min(3, len(f)):]})
	case "events":
		r, err := s.n.GetEditsFromTxid(c, &hdfspb.GetEditsFromTxidRequestProto{Txid: proto.Int64(int64(num(a[0])))})
		if err != nil {
			return failure(err)
		}
		var out []string
		for _, b := range r.EventsList.Batch {
			for _, e := range b.Events {
				out = append(out, fmt.Sprintf("%d %v", b.GetTxid(), e.GetType()))
			}
		}
		return strings.Join(out, "\n")
	case "call": // the next command has this call id, so that it can come again
		s.h.ClientID, s.h.CallID = []byte("0123456789abcdef"), int32(num(a[0]))
	default:
		s.t.Fatalf("unknown command %q", cmd)
	}
	return ""
}

func quotaArg(s string) *uint64 {
	switch s {
	case "-":
		return proto.Uint64(1<<63 - 1)
	case "clear":
		return proto.Uint64(1<<64 - 1)
	}
	return proto.Uint64(num(s))
}

// aclArg reads [default:]type:name:rwx as digits, comma separated.
func aclArg(s string) (out []*hdfspb.AclEntryProto) {
	for _, one := range strings.Split(s, ",") {
		p := strings.Split(one, ":")
		scope := hdfspb.AclEntryProto_ACCESS
		if p[0] == "default" {
			scope, p = hdfspb.AclEntryProto_DEFAULT, p[1:]
		}
		typ := hdfspb.AclEntryProto_AclEntryTypeProto(hdfspb.AclEntryProto_AclEntryTypeProto_value[strings.ToUpper(p[0])])
		act := hdfspb.AclEntryProto_FsActionProto(num(p[2]))
		e := &hdfspb.AclEntryProto{Scope: &scope, Type: &typ, Permissions: &act}
		if p[1] != "" {
			e.Name = &p[1]
		}
		out = append(out, e)
	}
	return out
}

func blockText(b *hdfspb.ExtendedBlockProto) string {
	return fmt.Sprintf("blk_%d_%d", b.GetBlockId()-1<<30, b.GetGenerationStamp())
}

func statText(st *hdfspb.HdfsFileStatusProto) string {
	kind := "-"
	if st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR {
		kind = "d"
	}
	return fmt.Sprintf("%s%o %s:%s %d bytes, mtime +%d, replication %d, policy %d, flags %d", kind, st.Permission.GetPerm(), st.GetOwner(), st.GetGroup(),
		st.GetLength(), (int64(st.GetModificationTime())-t0)/1000, st.GetBlockReplication(), st.GetStoragePolicy(), st.GetFlags())
}
