package admin

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// table prints status lines with aligned columns, as ls does.
type row struct {
	st     *hdfspb.HdfsFileStatusProto
	number string // of snapshots, or the snapshot's id
	extra  string
	path   string
}

func (s *session) rows(rows []row) {
	var repl, size, owner, group, number, extra int
	for _, r := range rows {
		repl = max(repl, len(strconv.Itoa(int(r.st.GetBlockReplication()))))
		size = max(size, len(strconv.FormatUint(r.st.GetLength(), 10)))
		owner = max(owner, len(r.st.GetOwner()))
		group = max(group, len(r.st.GetGroup()))
		number = max(number, len(r.number))
		extra = max(extra, len(r.extra))
	}
	for _, r := range rows {
		info := client.NewFileInfo("/"+string(r.st.GetPath()), r.st)
		mode := "d" + fs.FileMode(info.Mode().Perm()).String()[1:]
		at := time.UnixMilli(int64(r.st.GetModificationTime())).Format("2006-01-02 15:04")
		s.printf("%s %*d %-*s %-*s %*d %s %*s ", mode, repl, r.st.GetBlockReplication(), owner, r.st.GetOwner(), group, r.st.GetGroup(),
			size, r.st.GetLength(), at, number, r.number)
		if r.extra != "" {
			s.printf("%*s ", extra, r.extra)
		}
		s.printf("%s\n", r.path)
	}
}

func join(parent, name []byte) string {
	p := strings.TrimSuffix(string(parent), "/")
	return p + "/" + string(name)
}

func runLsSnapshottable(s *session, args []string) error {
	if len(args) > 0 {
		return usage("Usage: \nhdfs lsSnapshottableDir: \n\tGet the list of snapshottable directories that are owned by the current user.\n\tReturn all the snapshottable directories if the current user is a super user.\n")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().GetSnapshottableDirListing(s.ctx, &hdfspb.GetSnapshottableDirListingRequestProto{})
	if err != nil {
		return err
	}
	var rows []row
	for _, d := range resp.GetSnapshottableDirList().GetSnapshottableDirListing() {
		rows = append(rows, row{
			st: d.GetDirStatus(), number: strconv.Itoa(int(d.GetSnapshotNumber())), extra: strconv.Itoa(int(d.GetSnapshotQuota())),
			path: join(d.GetParentFullpath(), d.GetDirStatus().GetPath()),
		})
	}
	if len(rows) == 0 {
		s.printf("\n")
	}
	s.rows(rows)
	return nil
}

func runLsSnapshot(s *session, args []string) error {
	if len(args) != 1 {
		return usage("Usage: \nhdfs lsSnapshot <snapshotDir>: \n\tGet the list of snapshots for a snapshottable directory.\n")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().GetSnapshotListing(s.ctx, &hdfspb.GetSnapshotListingRequestProto{SnapshotRoot: proto.String(path(args[0]))})
	if err != nil {
		return err
	}
	var rows []row
	for _, d := range resp.GetSnapshotList().GetSnapshotListing() {
		state := "ACTIVE"
		if d.GetIsDeleted() {
			state = "DELETED"
		}
		rows = append(rows, row{
			st: d.GetDirStatus(), number: strconv.Itoa(int(d.GetSnapshotID())), extra: state,
			path: join(d.GetParentFullpath(), []byte(".snapshot/"+string(d.GetDirStatus().GetPath()))),
		})
	}
	s.rows(rows)
	return nil
}

func runSnapshotDiff(s *session, args []string) error {
	if len(args) != 3 {
		return usage("Usage: \nhdfs snapshotDiff <snapshotDir> <from> <to>:\n\tGet the difference between two snapshots, \n\tor between a snapshot and the current tree of a directory.\n\tFor <from>/<to>, users can use \".\" to present the current status,\n\tand use \".snapshot/snapshot_name\" to present a snapshot,\n\twhere \".snapshot/\" can be omitted\n")
	}
	name := func(t string) string {
		if t == "." {
			return ""
		}
		return strings.TrimPrefix(t, ".snapshot/")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	from, to := name(args[1]), name(args[2])
	resp, err := c.Namenode().GetSnapshotDiffReport(s.ctx, &hdfspb.GetSnapshotDiffReportRequestProto{
		SnapshotRoot: proto.String(path(args[0])), FromSnapshot: proto.String(from), ToSnapshot: proto.String(to),
	})
	if err != nil {
		return fmt.Errorf("snapshotDiff: %w", err)
	}
	call := func(n string) string {
		if n == "" {
			return "current directory"
		}
		return "snapshot " + n
	}
	s.printf("Difference between %s and %s under directory %s:\n", call(from), call(to), path(args[0]))
	for _, e := range resp.GetDiffReport().GetDiffReportEntries() {
		s.printf("%s\t%s", e.GetModificationLabel(), diffPath(e.GetFullpath()))
		if e.TargetPath != nil {
			s.printf(" -> %s", diffPath(e.GetTargetPath()))
		}
		s.printf("\n")
	}
	s.printf("\n")
	return nil
}

func diffPath(p []byte) string {
	if len(p) == 0 {
		return "."
	}
	return "./" + string(p)
}

// runDebug has `debug recoverLease -path FILE [-retries N]`.
func runDebug(s *session, args []string) error {
	const text = "Usage: hdfs debug recoverLease -path <path> [-retries <num-retries>]"
	if len(args) == 0 || args[0] != "recoverLease" {
		return usage(text)
	}
	file, rest := option(args[1:], "-path")
	times, rest := option(rest, "-retries")
	if file == "" || len(rest) > 0 {
		return usage(text)
	}
	tries := 1
	if times != "" {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return usage(text)
		}
		tries = n
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	for n := range tries {
		done, err := c.RecoverLease(s.ctx, path(file))
		if err == nil && done {
			s.printf("recoverLease SUCCEEDED on %s\n", file)
			return nil
		}
		if err != nil {
			s.printf("recoverLease got exception: %v\n", err)
		} else {
			s.printf("recoverLease returned false.\n")
		}
		if n+1 < tries {
			s.printf("Retrying in 5000 ms...\nRetry #%d\n", n+1)
			s.out.Flush()
			t := time.NewTimer(5 * time.Second)
			select {
			case <-t.C:
			case <-s.ctx.Done():
				t.Stop()
				return s.ctx.Err()
			}
		}
	}
	s.printf("Giving up on recoverLease for %s after %d tries.\n", file, tries)
	return exit(1)
}
