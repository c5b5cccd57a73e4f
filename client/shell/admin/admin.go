package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsshell"
	"github.com/lodehq/lode/internal/conf"
)

// Tool runs administrative command lines for one user.
type Tool struct {
	Conf   *conf.Conf
	User   string
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// tool is one of the command lines.
type tool struct {
	name string
	run  func(s *session, args []string) error
}

func tools() []tool {
	return []tool{
		{"dfsadmin", runDfsadmin},
		{"fsck", runFsck},
		{"haadmin", runHaadmin},
		{"getconf", runGetconf},
		{"groups", runGroups},
		{"storagepolicies", runStoragePolicies},
		{"snapshotDiff", runSnapshotDiff},
		{"lsSnapshottableDir", runLsSnapshottable},
		{"lsSnapshot", runLsSnapshot},
		{"debug", runDebug},
		{"version", runVersion},
	}
}

// Names are the command lines that Main knows.
func Names() []string {
	var names []string
	for _, t := range tools() {
		names = append(names, t.name)
	}
	return names
}

// session is one execution.
type session struct {
	*Tool
	ctx    context.Context
	out    *bufio.Writer
	client *client.Client // made by nn
	uri    string
}

// exit is an error that only sets the exit code; everything was said already.
type exit int

func (e exit) Error() string { return "" }

// usage is a wrong command line: its text is printed as it is, and the exit code is 255.
type usage string

func (u usage) Error() string { return string(u) }

// Main runs a command line and answers its exit code.
func (t *Tool) Main(ctx context.Context, name string, args []string) int {
	i := slices.IndexFunc(tools(), func(t tool) bool { return t.name == name })
	if i < 0 {
		fmt.Fprintf(t.Stderr, "%s: there is no such command; there are dfs, %s\n", name, strings.Join(Names(), ", "))
		return 2
	}
	s := &session{Tool: t, ctx: ctx, out: bufio.NewWriter(t.Stdout)}
	err := tools()[i].run(s, args)
	s.out.Flush()
	if s.client != nil {
		s.client.Close()
	}
	var code exit
	var u usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &u):
		fmt.Fprintln(t.Stderr, string(u))
		return 255
	}
	fmt.Fprintf(t.Stderr, "%s\n", fsshell.Message(err))
	return 255
}

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// nn is a client of the file system that fs.defaultFS names.
func (s *session) nn() (*client.Client, error) {
	if s.client != nil {
		return s.client, nil
	}
	def := s.Conf.String("fs.defaultFS")
	u, err := url.Parse(def)
	if err != nil || u.Scheme != "hdfs" && u.Scheme != "lode" {
		return nil, fmt.Errorf("FileSystem %s is not an HDFS file system. %w", def, client.ErrNoNamenode)
	}
	addresses, err := client.ResolveURI(s.Conf, u.Host)
	if err != nil {
		return nil, err
	}
	s.uri = u.Scheme + "://" + u.Host
	s.client, err = client.New(client.Options{Addresses: addresses, User: s.User, Conf: s.Conf, Dialer: s.Dialer})
	return s.client, err
}

// one is a client of a single address; it is closed with f's return.
func (s *session) one(address string, f func(c *client.Client) error) error {
	c, err := client.New(client.Options{Addresses: []string{address}, User: s.User, Conf: s.Conf, Dialer: s.Dialer})
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close())
}

// path takes the path out of what may be a URI.
func path(text string) string {
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Path != "" {
		return u.Path
	}
	return text
}

// bytesDesc is a size in binary units with two decimals (StringUtils.byteDesc).
func bytesDesc(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}
	v, i := float64(n), 0
	for (v >= 1024 || v <= -1024) && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.2f %s", v, units[i])
}

// javaTime is a time as java.util.Date prints it.
const javaTime = "Mon Jan 02 15:04:05 MST 2006"
