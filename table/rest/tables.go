package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table"
)

type loaded struct {
	MetadataLocation string            `json:"metadata-location,omitempty"`
	Metadata         icetable.Metadata `json:"metadata"`
	Config           map[string]string `json:"config"`
}

func (s *server) createTable(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	var in struct {
		Name       string                 `json:"name"`
		Location   string                 `json:"location"`
		Schema     *iceberg.Schema        `json:"schema"`
		Spec       *iceberg.PartitionSpec `json:"partition-spec"`
		Order      *icetable.SortOrder    `json:"write-order"`
		Stage      bool                   `json:"stage-create"`
		Properties iceberg.Properties     `json:"properties"`
	}
	var body json.RawMessage
	if err := read(w, r, &body); err != nil {
		return err
	}
	body, err = positiveIDs(body)
	if err != nil {
		return badRequest("the request is not what the protocol says: %v", err)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return badRequest("the request is not what the protocol says: %v", err)
	}
	if in.Schema == nil {
		return badRequest("a new table needs a schema")
	}
	if in.Spec != nil && in.Spec.NumFields() == 0 {
		in.Spec = nil
	}
	opts := table.CreateOptions{Partition: in.Spec, Sort: icetable.UnsortedSortOrder, Location: in.Location, Properties: in.Properties}
	if in.Order != nil && !in.Order.IsUnsorted() {
		opts.Sort = *in.Order
	}
	ident := icetable.Identifier{ns, in.Name}
	if in.Stage {
		m, err := s.c.StageTable(r.Context(), ident, in.Schema, opts)
		if err != nil {
			return err
		}
		return answer(w, loaded{Metadata: m, Config: map[string]string{}})
	}
	t, err := s.c.CreateTable(r.Context(), ident, in.Schema, opts)
	if err != nil {
		return err
	}
	return answer(w, loaded{t.MetadataLocation(), t.Metadata(), map[string]string{}})
}

func (s *server) register(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	var in struct {
		Name     string `json:"name"`
		Location string `json:"metadata-location"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	t, err := s.c.RegisterTable(r.Context(), icetable.Identifier{ns, in.Name}, in.Location)
	if err != nil {
		return err
	}
	return answer(w, loaded{t.MetadataLocation(), t.Metadata(), map[string]string{}})
}

func (s *server) loadTable(w http.ResponseWriter, r *http.Request) error {
	ident, err := identOf(r)
	if err != nil {
		return err
	}
	t, err := s.c.LoadTable(r.Context(), ident)
	if err != nil {
		return err
	}
	return answer(w, loaded{t.MetadataLocation(), t.Metadata(), map[string]string{}})
}

func (s *server) tableExists(w http.ResponseWriter, r *http.Request) error {
	ident, err := identOf(r)
	if err != nil {
		return err
	}
	ok, err := s.c.Exists(r.Context(), ident)
	if err != nil {
		return err
	}
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// commitTries is how often a commit that another process overtook is tried here. Requirements are checked each time: what no longer
// holds is the client's to decide.
const commitTries = 5

func (s *server) commit(w http.ResponseWriter, r *http.Request) error {
	ident, err := identOf(r)
	if err != nil {
		return err
	}
	var in struct {
		Requirements icetable.Requirements `json:"requirements"`
		Updates      icetable.Updates      `json:"updates"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	var m icetable.Metadata
	var location string
	for range commitTries {
		m, location, err = s.c.CommitTable(r.Context(), ident, in.Requirements, in.Updates)
		if !errors.Is(err, icetable.ErrCommitFailed) {
			break
		}
	}
	if err != nil {
		return err
	}
	return answer(w, loaded{location, m, nil})
}

func (s *server) dropTable(w http.ResponseWriter, r *http.Request) error {
	ident, err := identOf(r)
	if err != nil {
		return err
	}
	purge := strings.EqualFold(r.URL.Query().Get("purgeRequested"), "true")
	if err := s.c.DropTable(r.Context(), ident, purge); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) rename(w http.ResponseWriter, r *http.Request) error {
	type identifier struct {
		Namespace []string `json:"namespace"`
		Name      string   `json:"name"`
	}
	var in struct {
		Source      identifier `json:"source"`
		Destination identifier `json:"destination"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	from, err := single(in.Source.Namespace)
	if err != nil {
		return err
	}
	to, err := single(in.Destination.Namespace)
	if err != nil {
		return err
	}
	if err := s.c.RenameTable(r.Context(), icetable.Identifier{from, in.Source.Name}, icetable.Identifier{to, in.Destination.Name}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
