package sqlcli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func ask(t *testing.T, url, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	app := &cli.App{Name: "lode", Reader: strings.NewReader(stdin), Writer: &out, ErrWriter: io.Discard, Commands: []*cli.Command{Command()}, ExitErrHandler: func(*cli.Context, error) {}}
	err := app.Run(append([]string{"lode", "sql", "--server", url}, args...))
	return out.String(), err
}

func TestCommand(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch text := string(body); {
		case strings.HasPrefix(text, "bad"):
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error":{"code":"42601","message":"syntax error"}}`)
		case strings.HasPrefix(text, "cut"):
			fmt.Fprint(w, "a\n1\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprintf(w, "n,text\n1,\"%s\"\n22,\"x\ty\"\n", text)
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		stdin, want string
		args        []string
	}{
		{"", "n,text\n1,\"select 1\"\n22,\"x\ty\"\n", []string{"select 1"}},
		{"", " n | text\n---+---------\n 1 | select 1\n22 | x y\n(2 rows)\n", []string{"--format", "table", "select", "1;"}},
		{"a; -- one;\n'b;';", "n,text\n1,\"a\"\n22,\"x\ty\"\nn,text\n1,\" -- one;\n'b;'\"\n22,\"x\ty\"\n", nil},
		{"", "n,text\n1,\"describe gold.x\"\n22,\"x\ty\"\n", []string{`\d gold.x`}},
	} {
		got, err := ask(t, srv.URL, c.stdin, c.args...)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
		}
		if strings.HasPrefix(c.want, " n") { // widths are not the point
			got, c.want = strings.ReplaceAll(got, "-", ""), strings.ReplaceAll(c.want, "-", "")
		}
		if got != c.want {
			t.Errorf("%q %q:\n got %q\nwant %q", c.args, c.stdin, got, c.want)
		}
	}
	if _, err := ask(t, srv.URL, "", "bad"); err == nil || err.Error() != "syntax error (42601)" {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "out.csv")
	if _, err := ask(t, srv.URL, "", "--out", file, "cut"); err == nil {
		t.Error("a cut-off answer passed for whole")
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := ask(t, srv.URL, "", "--out", file, "select 1"); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(file); !strings.HasPrefix(string(data), "n,text\n") {
		t.Errorf("%q", data)
	}
	if _, err := ask(t, "http://127.0.0.1:1", "", "select 1"); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Error(err)
	}
	if _, err := ask(t, srv.URL, "", "--format", "xml", "select 1"); err == nil {
		t.Error("xml")
	}
}
