package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/lodehq/lode/client/shell/fsys"

	"github.com/lodehq/lode/client"
)

// fsckOptions are fsck's options and the query parameters that they become (DFSck.doWork).
func fsckOptions() map[string]string {
	return map[string]string{
		"-move": "move=1", "-delete": "delete=1", "-files": "files=1", "-openforwrite": "openforwrite=1", "-blocks": "blocks=1",
		"-locations": "locations=1", "-racks": "racks=1", "-replicaDetails": "replicadetails=1", "-storagepolicies": "storagepolicies=1",
		"-showprogress": "showprogress=1", "-list-corruptfileblocks": "listcorruptfileblocks=1", "-includeSnapshots": "includeSnapshots=1",
		"-maintenance": "maintenance=1", "-upgradedomains": "upgradedomains=1",
	}
}

const fsckUsage = `Usage: hdfs fsck <path> [-list-corruptfileblocks | [-move | -delete | -openforwrite] [-files [-blocks [-locations | -racks | -replicaDetails | -upgradedomains]]]] [-includeSnapshots] [-showprogress] [-storagepolicies] [-maintenance] [-blockId <blk_Id>] [-replicate]`

// runFsck asks the namenode's web port for a check and prints its answer; the answer's last line decides the exit code.
func runFsck(s *session, args []string) error {
	var query []string
	options := fsckOptions()
	dir := ""
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case options[a] != "":
			query = append(query, options[a])
		case a == "-blockId":
			var ids []string
			for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				ids = append(ids, args[i])
			}
			query = append(query, "blockId="+url.QueryEscape(strings.Join(ids, " ")))
		case a == "-replicate":
			query = append(query, "replicate=1")
		case !strings.HasPrefix(a, "-") && dir == "":
			dir = a
		case !strings.HasPrefix(a, "-"):
			return usage(fmt.Sprintf("fsck: can only operate on one path at a time '%s'\n%s", a, fsckUsage))
		default:
			return usage(fmt.Sprintf("fsck: Illegal option '%s'\n%s", a, fsckUsage))
		}
	}
	if dir == "" && len(args) == 0 {
		return usage(fsckUsage)
	}
	if dir == "" {
		dir = "/"
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	w := fsys.NewWorld(s.Conf, client.Options{User: s.User, Dialer: s.Dialer})
	defer w.Close()
	_, p, err := w.Find(dir)
	if err != nil {
		return err
	}
	base := s.webAddress(c)
	all := append([]string{"ugi=" + url.QueryEscape(c.User())}, query...)
	all = append(all, "path="+url.QueryEscape(p))
	address := base + "/fsck?" + strings.Join(all, "&")
	fmt.Fprintf(s.Stderr, "Connecting to namenode via %s\n", address)
	return s.stream(address)
}

// webAddress is the namenode's web port: what the configuration says, or the RPC port's host and 9870.
func (s *session) webAddress(c *client.Client) string {
	address := s.Conf.String("dfs.namenode.http-address")
	if !s.Conf.Explicit("dfs.namenode.http-address") {
		host, _, err := net.SplitHostPort(c.Addresses()[0])
		if err != nil {
			host = c.Addresses()[0]
		}
		address = net.JoinHostPort(host, "9870")
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return strings.TrimSuffix(address, "/")
}

func (s *session) stream(address string) error {
	t := &http.Transport{}
	if s.Dialer != nil {
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) { return s.Dialer(ctx, network, addr) }
	}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return fmt.Errorf("fsck: the namenode's web port does not answer (set dfs.namenode.http-address): %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return fmt.Errorf("fsck: the namenode answered %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	last := ""
	in := bufio.NewReader(resp.Body)
	for {
		line, err := in.ReadString('\n')
		s.printf("%s", line)
		if t := strings.TrimRight(line, "\r\n"); t != "" {
			last = t
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("fsck: %w", err)
		}
	}
	return verdict(last)
}

// verdict is the exit code that the last line of a check means (NamenodeFsck's statuses).
func verdict(last string) error {
	switch {
	case strings.HasSuffix(last, "is HEALTHY"), strings.HasSuffix(last, "has no CORRUPT files"), strings.HasSuffix(last, "does not exist"):
		return nil
	case strings.HasSuffix(last, "is CORRUPT"), strings.HasSuffix(last, "has CORRUPT files"), strings.HasSuffix(last, "CORRUPT"):
		return exit(1)
	case strings.HasSuffix(last, "has a FAILED block"):
		return exit(1)
	case strings.HasSuffix(last, "is DECOMMISSIONED"):
		return exit(2)
	case strings.HasSuffix(last, "is DECOMMISSIONING"):
		return exit(3)
	case strings.HasSuffix(last, "is STALE"):
		return exit(4)
	}
	return nil
}
