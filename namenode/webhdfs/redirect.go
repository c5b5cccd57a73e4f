package webhdfs

import (
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

// toDatanode makes the address of the operation on a datanode: the caller's parameters, its user, and where to call back.
func (r *request) toDatanode(d *hdfspb.DatanodeInfoProto, extra url.Values) redirect {
	q := url.Values{"op": {r.op}, "user.name": {r.call.User}, "namenoderpcaddress": {localAddress(r.http, r.h.cfg.RPCAddress)}}
	if r.call.RealUser != "" {
		q.Set("user.name", r.call.RealUser)
		q.Set("doas", r.call.User)
	}
	for k, v := range r.args {
		switch k {
		case "op", "user.name", "doas", "noredirect", "namenoderpcaddress", "proxy":
		default:
			q[k] = v
		}
	}
	for k, v := range extra {
		q[k] = v
	}
	host := net.JoinHostPort(d.GetId().GetIpAddr(), strconv.FormatUint(uint64(d.GetId().GetInfoPort()), 10))
	u := url.URL{Scheme: "http", Host: host, Path: Prefix + r.path, RawPath: escapePath(Prefix + r.path), RawQuery: q.Encode()}
	return redirect{u.String()}
}

func escapePath(p string) string {
	parts := strings.Split(p, "/")
	for i, s := range parts {
		parts[i] = url.PathEscape(s)
	}
	return strings.Join(parts, "/")
}

// open sends the reader to the nearest datanode that has the byte at offset.
func open(r *request) (any, error) {
	offset, err := r.long("offset", 0, 0)
	if err != nil {
		return nil, err
	}
	if _, err := r.long("length", -1, 0); err != nil {
		return nil, err
	}
	if _, err := r.long("buffersize", 4096, 1); err != nil {
		return nil, err
	}
	if st, err := r.status("getFileInfo"); err != nil {
		return nil, err
	} else if st == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File %s not found.", r.path)
	}
	blocks, err := r.blocks(uint64(offset), 1)
	if err != nil {
		return nil, err
	}
	if n := int64(blocks.GetFileLength()); offset >= n && offset > 0 {
		return nil, hdfs.Errorf(hdfs.IOException, "Offset=%d out of the range [0, %d); OPEN, path=%s", offset, n, r.path)
	}
	for _, b := range blocks.GetBlocks() {
		if len(b.GetLocs()) > 0 && !b.GetCorrupt() {
			return r.toDatanode(b.GetLocs()[0], url.Values{"offset": {strconv.FormatInt(offset, 10)}}), nil
		}
	}
	return r.anyDatanode(url.Values{"offset": {strconv.FormatInt(offset, 10)}})
}

func (r *request) blocks(offset, length uint64) (*hdfspb.LocatedBlocksProto, error) {
	resp, err := call[*hdfspb.GetBlockLocationsResponseProto](r, "getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: &r.path, Offset: &offset, Length: &length})
	if err != nil {
		return nil, err
	}
	if resp.Locations == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File %s not found.", r.path)
	}
	return resp.Locations, nil
}

// atLastBlock sends an appender to a datanode of the last block.
func atLastBlock(r *request) (any, error) {
	st, err := r.status("getFileInfo")
	if err != nil {
		return nil, err
	}
	if st == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File %s not found.", r.path)
	}
	if st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "Path is not a file: %s", r.path)
	}
	if n := st.GetLength(); n > 0 {
		blocks, err := r.blocks(n-1, 1)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks.GetBlocks() {
			if len(b.GetLocs()) > 0 {
				return r.toDatanode(b.GetLocs()[0], nil), nil
			}
		}
	}
	return r.anyDatanode(nil)
}

// create checks the parameters, and sends the writer to the datanode on its own host or to any.
func create(r *request) (any, error) {
	if _, _, err := r.permission("permission"); err != nil {
		return nil, err
	}
	if _, _, err := r.permission("unmaskedpermission"); err != nil {
		return nil, err
	}
	if _, err := r.boolean("overwrite", false); err != nil {
		return nil, err
	}
	if _, err := r.long("blocksize", 1, 1); err != nil {
		return nil, err
	}
	if _, err := r.integer("replication", 1, 1, 1<<15-1, "short"); err != nil {
		return nil, err
	}
	if err := r.createFlags(); err != nil {
		return nil, err
	}
	r.h.creating.sent(r)
	return r.anyDatanode(nil)
}

// createFlags checks the names of Hadoop's CreateFlag; the datanode heeds them.
func (r *request) createFlags() error {
	for _, f := range strings.Split(r.get("createflag"), ",") {
		switch strings.ToUpper(f) {
		case "", "CREATE", "OVERWRITE", "APPEND", "SYNC_BLOCK", "LAZY_PERSIST", "NEW_BLOCK", "NO_LOCAL_WRITE", "SHOULD_REPLICATE", "IGNORE_CLIENT_LOCALITY", "NO_LOCAL_RACK":
		default:
			return badParam("createflag", "No enum constant org.apache.hadoop.fs.CreateFlag.%s", strings.ToUpper(f))
		}
	}
	return nil
}

func (r *request) anyDatanode(extra url.Values) (any, error) {
	resp, err := call[*hdfspb.GetDatanodeReportResponseProto](r.asSuperuser(), "getDatanodeReport", &hdfspb.GetDatanodeReportRequestProto{Type: hdfspb.DatanodeReportTypeProto_LIVE.Enum()})
	if err != nil {
		return nil, err
	}
	skip := map[string]bool{}
	for _, name := range strings.Split(r.get("excludedatanodes"), ",") {
		skip[name] = name != ""
	}
	var all []*hdfspb.DatanodeInfoProto
	for _, d := range resp.GetDi() {
		id := d.GetId()
		if d.GetAdminState() != hdfspb.DatanodeInfoProto_NORMAL || skip[id.GetIpAddr()] || skip[id.GetHostName()] ||
			skip[net.JoinHostPort(id.GetIpAddr(), strconv.FormatUint(uint64(id.GetXferPort()), 10))] {
			continue
		}
		if id.GetIpAddr() == r.call.RemoteIP.String() && !r.call.RemoteIP.IsLoopback() {
			return r.toDatanode(d, extra), nil
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, hdfs.Errorf(hdfs.IOException, "Failed to find datanode, suggest to check cluster health. excludeDatanodes=%s", r.get("excludedatanodes"))
	}
	pick := rand.IntN
	if r.h.cfg.Rand != nil {
		pick = r.h.cfg.Rand.IntN
	}
	return r.toDatanode(all[pick(len(all))], extra), nil
}

// asSuperuser is r as the namenode's own user: for what the redirect needs to know and the caller may not ask.
func (r *request) asSuperuser() *request {
	s := *r
	s.call.User, s.call.RealUser = r.h.cfg.Superuser, ""
	return &s
}

func (r *request) status(method string) (*hdfspb.HdfsFileStatusProto, error) {
	if method == "getFileLinkInfo" {
		resp, err := call[*hdfspb.GetFileLinkInfoResponseProto](r, method, &hdfspb.GetFileLinkInfoRequestProto{Src: &r.path})
		return resp.GetFs(), err
	}
	resp, err := call[*hdfspb.GetFileInfoResponseProto](r, method, &hdfspb.GetFileInfoRequestProto{Src: proto.String(r.path)})
	return resp.GetFs(), err
}
