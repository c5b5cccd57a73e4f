package cluster

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lodehq/lode/internal/conf"
)

// rest speaks WebHDFS to a cluster in this process, without following redirects by itself.
type rest struct {
	t    *testing.T
	base string
	http *http.Client
}

func startRest(t *testing.T) *rest {
	t.Helper()
	t.Setenv("HADOOP_USER_NAME", "hdfs")
	pairs := Training()
	maps.Copy(pairs, AnyPorts())
	pairs["dfs.replication"] = "1"
	s, err := StartStandalone(context.Background(), StandaloneOptions{Dir: t.TempDir(), Conf: conf.New(pairs), Datanodes: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rest{t, s.Ready.HTTP, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (r *rest) do(method, target string, body io.Reader) (int, http.Header, string) {
	r.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = r.base + target
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func (r *rest) want(code int, method, target string) string {
	r.t.Helper()
	got, _, body := r.do(method, target, nil)
	if got != code {
		r.t.Errorf("%s %s: %d, want %d: %s", method, target, got, code, body)
	}
	return body
}

// redirected is where a data operation is sent.
func (r *rest) redirected(method, target string) string {
	r.t.Helper()
	code, h, body := r.do(method, target, nil)
	if code != http.StatusTemporaryRedirect {
		r.t.Fatalf("%s %s: %d %s", method, target, code, body)
	}
	return h.Get("Location")
}

func (r *rest) put(target, data string) (int, string) {
	r.t.Helper()
	code, _, body := r.do("PUT", r.redirected("PUT", target), strings.NewReader(data))
	return code, body
}

func TestWebHDFSCreate(t *testing.T) {
	r := startRest(t)
	const file = "/webhdfs/v1/d/f?user.name=hdfs&op="
	if code, body := r.put(file+"CREATE&permission=640", "one"); code != http.StatusCreated {
		t.Fatalf("create: %d %s", code, body)
	}
	if code, body := r.put(file+"CREATE", "two"); code != http.StatusForbidden || !strings.Contains(body, "FileAlreadyExistsException") {
		t.Errorf("create again: %d %s", code, body)
	}
	if code, body := r.put(file+"CREATE&createflag=CREATE,OVERWRITE", "three"); code != http.StatusCreated {
		t.Errorf("createflag that overwrites: %d %s", code, body)
	}
	if _, _, got := r.do("GET", r.redirected("GET", file+"OPEN"), nil); got != "three" {
		t.Errorf("the file holds %q", got)
	}
	if body := r.want(http.StatusBadRequest, "PUT", file+"CREATE&createflag=SOMETIMES"); !strings.Contains(body, "createflag") {
		t.Errorf("an unknown flag: %s", body)
	}
}

// TestWebHDFSStatusRightAfterCreate asks for a file between the writer's headers and its first byte, as Apache's client does.
func TestWebHDFSStatusRightAfterCreate(t *testing.T) {
	r := startRest(t)
	for i := range 10 {
		file := "/webhdfs/v1/early" + string(rune('0'+i)) + "?user.name=hdfs&op="
		to := r.redirected("PUT", file+"CREATE")
		body, writer := io.Pipe()
		answer := make(chan int, 1)
		go func() {
			code, _, _ := r.do("PUT", to, body)
			answer <- code
		}()
		r.want(http.StatusOK, "GET", file+"GETFILESTATUS")
		writer.Close()
		if code := <-answer; code != http.StatusCreated {
			t.Errorf("create: %d", code)
		}
	}
	r.want(http.StatusNotFound, "GET", "/webhdfs/v1/never?user.name=hdfs&op=GETFILESTATUS")
}

func TestWebHDFSErasureCodingPolicies(t *testing.T) {
	r := startRest(t)
	states := func() map[string]string {
		var a struct {
			ErasureCodingPolicies struct {
				ErasureCodingPolicy []struct {
					State  string
					Policy struct{ Name string }
				}
			}
		}
		if err := json.Unmarshal([]byte(r.want(http.StatusOK, "GET", "/webhdfs/v1/?user.name=hdfs&op=GETECPOLICIES")), &a); err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, p := range a.ErasureCodingPolicies.ErasureCodingPolicy {
			m[p.Policy.Name] = p.State
		}
		return m
	}
	if s := states(); len(s) != 5 || s["RS-6-3-1024k"] != "DISABLED" {
		t.Errorf("at first: %v", s)
	}
	r.want(http.StatusOK, "PUT", "/webhdfs/v1/?user.name=hdfs&op=ENABLEECPOLICY&ecpolicy=RS-6-3-1024k")
	if s := states(); s["RS-6-3-1024k"] != "ENABLED" {
		t.Errorf("enabled: %v", s)
	}
	r.want(http.StatusForbidden, "PUT", "/webhdfs/v1/?user.name=ann&op=ENABLEECPOLICY&ecpolicy=RS-3-2-1024k")
	if body := r.want(http.StatusBadRequest, "PUT", "/webhdfs/v1/?user.name=hdfs&op=SETECPOLICY&ecpolicy=RS-6-3-1024k"); !strings.Contains(body, "switched off") {
		t.Errorf("SETECPOLICY: %s", body)
	}
	r.want(http.StatusOK, "PUT", "/webhdfs/v1/?user.name=hdfs&op=DISABLEECPOLICY&ecpolicy=RS-6-3-1024k")
}

func TestWebPortRefusesRubbish(t *testing.T) {
	r := startRest(t)
	r.want(http.StatusMethodNotAllowed, "POST", "/")
	req, err := http.NewRequest("GET", r.base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("b", 200_000))
	resp, err := r.http.Do(req)
	if err != nil {
		return // hung up
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 200 kB: %s", resp.Status)
	}
	r.want(http.StatusBadRequest, "GET", "/webhdfs/v1/x?op="+url.QueryEscape("../../etc"))
}
