package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Ready is what the ready file says: where each role answers, and the processes. Roles that were not started are absent.
type Ready struct {
	FS          string         `json:"fs,omitempty"`          // hdfs://HOST:PORT
	HTTP        string         `json:"http,omitempty"`        // the namenode's web port
	Scheduler   string         `json:"scheduler,omitempty"`   // the scheduler's web port
	History     string         `json:"history,omitempty"`     // job history REST
	Submissions string         `json:"submissions,omitempty"` // Spark-like submission REST
	Query       string         `json:"query,omitempty"`       // SQL over HTTP
	PG          string         `json:"pg,omitempty"`          // SQL over PostgreSQL's protocol, HOST:PORT
	Flight      string         `json:"flight,omitempty"`      // SQL over Flight, grpc://HOST:PORT
	Catalog     string         `json:"catalog,omitempty"`     // Iceberg REST catalog
	Datanodes   []string       `json:"datanodes,omitempty"`   // data transfer addresses, HOST:PORT
	PIDs        map[string]int `json:"pids,omitempty"`        // instance to process id
}

// merge takes over what other says.
func (r *Ready) merge(other Ready) {
	set := func(dst *string, src string) {
		if src != "" {
			*dst = src
		}
	}
	set(&r.FS, other.FS)
	set(&r.HTTP, other.HTTP)
	set(&r.Scheduler, other.Scheduler)
	set(&r.History, other.History)
	set(&r.Submissions, other.Submissions)
	set(&r.Query, other.Query)
	set(&r.PG, other.PG)
	set(&r.Flight, other.Flight)
	set(&r.Catalog, other.Catalog)
	r.Datanodes = append(r.Datanodes, other.Datanodes...)
	for k, v := range other.PIDs {
		if r.PIDs == nil {
			r.PIDs = map[string]int{}
		}
		r.PIDs[k] = v
	}
}

// Write puts r into the file at once: a reader sees all of it or none.
func (r Ready) Write(file string) error {
	if file == "" {
		return nil
	}
	return writeJSON(file, r)
}

// ReadReady reads a ready file; errors.Is(err, fs.ErrNotExist) until it is there.
func ReadReady(file string) (Ready, error) {
	var r Ready
	err := readJSON(file, &r)
	return r, err
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(data, '\n'))
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("write %s: %w", file, err), ignoreMissing(os.Remove(tmp.Name())))
	}
	return err
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
