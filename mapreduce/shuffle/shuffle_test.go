package shuffle

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce/sortmerge"
)

func TestFetch(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a0", "a1"} {
		c, err := sortmerge.NewCollector(sortmerge.Config{Partitions: 3, Dir: dir, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3000 {
			if err := c.Collect(fmt.Append(nil, name, i), []byte("v")); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := c.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(&Server{
		File:    func(_, a string) (string, bool) { return filepath.Join(dir, a), true },
		Allowed: func(_, token string) bool { return token == "secret" },
	})
	defer server.Close()
	records := 0
	q := Request{strings.TrimPrefix(server.URL, "http://"), "job_1_0001", 2, []string{"a0", "gone", "a1"}, "secret"}
	missing, err := Fetch(context.Background(), http.DefaultClient, q, func(_ int, f Frame, r io.Reader) error {
		s := sortmerge.NewSegmentReader(r, nil, f.Length)
		for {
			switch err := s.Next(); err {
			case nil:
				records++
			case io.EOF:
				return nil
			default:
				return err
			}
		}
	})
	if err != nil || len(missing) != 1 || missing[0] != "gone" || records < 1500 || records > 2500 {
		t.Errorf("%d records, missing %v, %v", records, missing, err)
	}
	q.Token = "wrong"
	if _, err := Fetch(context.Background(), http.DefaultClient, q, nil); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("wrong token: %v", err)
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(Frame{StatusOK, 5, 9}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := ParseFrame(b); err == nil && string(got.Append(nil)) != string(b[:HeaderSize]) {
			t.Errorf("%+v does not encode to what it was parsed from", got)
		}
	})
}
