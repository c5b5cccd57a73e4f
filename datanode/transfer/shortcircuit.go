package transfer

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/vfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// shortCircuitVersion is the format of the files that are handed out (BlockReaderLocal, version 1).
const shortCircuitVersion = 1

// requestFDs serves REQUEST_SHORT_CIRCUIT_FDS: the client gets the open data and meta files and reads by itself.
func (s *Server) requestFDs(c net.Conn, in *stream, m *pb.OpRequestShortCircuitAccessProto) (bool, error) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return false, s.refuse(c, pb.Status_ERROR_INVALID, fmt.Errorf("file descriptors can only be passed over a UNIX domain socket"))
	}
	if m.GetMaxVersion() < shortCircuitVersion {
		return true, s.send(c, response(pb.Status_ERROR_UNSUPPORTED, "", fmt.Sprintf("client supports version %d, the format here is %d", m.GetMaxVersion(), shortCircuitVersion)))
	}
	b, err := s.local(m.GetHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	r, err := s.store.Open(s.ctx, b, 0, -1)
	if err != nil {
		s.noteReadError(b, err)
		return true, s.send(c, response(pb.Status_ERROR, "", err.Error()))
	}
	defer r.Close()
	data, meta := r.Files()
	df, ok1 := vfs.OSFile(data)
	mf, ok2 := vfs.OSFile(meta)
	if !ok1 || !ok2 {
		return true, s.send(c, response(pb.Status_ERROR_UNSUPPORTED, "", "the replica is not in a file of the operating system"))
	}
	answer := response(pb.Status_SUCCESS, "", "")
	answer.ShortCircuitAccessVersion = proto.Uint32(shortCircuitVersion)
	if err := s.send(c, answer); err != nil {
		return false, err
	}
	flag := byte(0)
	if m.GetSupportsReceiptVerification() {
		flag = byte(pb.ShortCircuitFdResponse_USE_RECEIPT_VERIFICATION)
	}
	if _, _, err := uc.WriteMsgUnix([]byte{flag}, unix.UnixRights(int(df.Fd()), int(mf.Fd())), nil); err != nil {
		return false, fmt.Errorf("pass descriptors of %s: %w", b, err)
	}
	if flag != 0 {
		if _, err := in.take(1); err != nil {
			return false, fmt.Errorf("receipt of the descriptors of %s: %w", b, err)
		}
	}
	return true, nil
}
