package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/storage"
)

type client struct {
	t   *testing.T
	url string
}

// do answers status and body.
func (c client) do(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	var out map[string]any
	if len(data) > 0 {
		if err := json.Unmarshal(data, &out); err != nil {
			c.t.Fatalf("%s %s answers %q", method, path, data)
		}
	}
	return resp.StatusCode, out
}

func (c client) want(status int, kind, method, path, body string) map[string]any {
	c.t.Helper()
	got, out := c.do(method, path, body)
	text, _ := json.Marshal(out)
	if got != status || kind != "" && !bytes.Contains(text, []byte(kind)) {
		c.t.Errorf("%s %s: %d %s, want %d %s", method, path, got, text, status, kind)
	}
	return out
}

func serve(t *testing.T) client {
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(NewHandler(table.NewCatalog(local, "", nil), nil))
	t.Cleanup(srv.Close)
	return client{t, srv.URL}
}

const create = `{"name":"t","schema":{"type":"struct","schema-id":0,"fields":[{"id":0,"name":"id","required":false,"type":"long"},{"id":1,"name":"tags","required":false,"type":{"type":"list","element-id":2,"element":"string","element-required":false}},{"id":3,"name":"name","required":false,"type":"string"}]},
 "partition-spec":{"spec-id":0,"fields":[{"name":"name","transform":"identity","source-id":3,"field-id":1000}]},"stage-create":%s}`

func TestProtocol(t *testing.T) {
	c := serve(t)
	c.want(200, "endpoints", "GET", "/v1/config?warehouse=x", "")
	c.want(200, "", "POST", "/v1/namespaces", `{"namespace":["a"],"properties":{"owner":"me"}}`)
	c.want(409, "AlreadyExistsException", "POST", "/v1/namespaces", `{"namespace":["a"]}`)
	c.want(400, "BadRequestException", "POST", "/v1/namespaces", `{"namespace":["a","b"]}`)
	c.want(400, "BadRequestException", "POST", "/v1/namespaces", `{"namespace":["../x"]}`)
	c.want(400, "BadRequestException", "POST", "/v1/namespaces", `not json`)
	c.want(200, "me", "GET", "/v1/namespaces/a", "")
	c.want(204, "", "HEAD", "/v1/namespaces/a", "")
	c.want(404, "", "HEAD", "/v1/namespaces/b", "")
	c.want(200, `"missing":["x"]`, "POST", "/v1/namespaces/a/properties", `{"removals":["owner","x"],"updates":{"k":"v"}}`)
	c.want(404, "NoSuchNamespaceException", "GET", "/v1/namespaces/nope/tables", "")

	staged := c.want(200, "metadata", "POST", "/v1/namespaces/a/tables", strings.ReplaceAll(create, "%s", "true"))
	if _, there := staged["metadata-location"]; there {
		t.Error("a staged table has a metadata file")
	}
	c.want(404, "", "HEAD", "/v1/namespaces/a/tables/t", "")
	made := c.want(200, "metadata-location", "POST", "/v1/namespaces/a/tables", strings.ReplaceAll(create, "%s", "false"))
	spec, _ := json.Marshal(made["metadata"].(map[string]any)["partition-specs"])
	schema, _ := json.Marshal(made["metadata"].(map[string]any)["schemas"])
	if !bytes.Contains(spec, []byte(`"source-id":4`)) || !bytes.Contains(schema, []byte(`"id":4,"name":"name"`)) {
		t.Errorf("spec %s of schema %s", spec, schema)
	}
	c.want(409, "AlreadyExistsException", "POST", "/v1/namespaces/a/tables", strings.ReplaceAll(create, "%s", "false"))
	c.want(204, "", "HEAD", "/v1/namespaces/a/tables/t", "")
	c.want(404, "NoSuchTableException", "GET", "/v1/namespaces/a%1Ft/tables/snapshots", "")
	c.want(200, `"x":"y"`, "POST", "/v1/namespaces/a/tables/t", `{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}],"updates":[{"action":"set-properties","updates":{"x":"y"}}]}`)
	c.want(409, "CommitFailedException", "POST", "/v1/namespaces/a/tables/t", `{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":1}],"updates":[{"action":"set-properties","updates":{"x":"z"}}]}`)
	c.want(404, "NoSuchTableException", "POST", "/v1/namespaces/a/tables/nope", `{"requirements":[],"updates":[]}`)
	c.want(409, "NamespaceNotEmptyException", "DELETE", "/v1/namespaces/a", "")
	c.want(204, "", "POST", "/v1/tables/rename", `{"source":{"namespace":["a"],"name":"t"},"destination":{"namespace":["a"],"name":"u"}}`)
	c.want(404, "NoSuchTableException", "GET", "/v1/namespaces/a/tables/t", "")
	c.want(200, `"u"`, "GET", "/v1/namespaces/a/tables", "")
	c.want(204, "", "DELETE", "/v1/namespaces/a/tables/u?purgeRequested=true", "")
	c.want(204, "", "DELETE", "/v1/namespaces/a", "")
	c.want(404, "NotFoundException", "POST", "/v1/transactions/commit", "{}")
}
