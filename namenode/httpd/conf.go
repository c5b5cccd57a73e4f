package httpd

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/webrest"
)

// confPage serves the configuration in force as Hadoop's ConfServlet does, in XML or JSON (?format=json), one key with ?name=.
type confPage struct{ c *conf.Conf }

type property struct {
	Name   string `xml:"name" json:"key"`
	Value  string `xml:"value" json:"value"`
	Final  bool   `xml:"final" json:"isFinal"`
	Source string `xml:"source" json:"resource"`
}

func (p confPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	list := []property{}
	for _, e := range p.c.All() {
		if name != "" && e.Key != name {
			continue
		}
		if isSecret(e.Key) {
			e.Value = "<redacted>"
		}
		list = append(list, property{e.Key, e.Value, false, e.Origin})
	}
	if name != "" && len(list) == 0 {
		http.Error(w, "Property "+name+" not found", http.StatusNotFound)
		return
	}
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		json.NewEncoder(w).Encode(map[string]any{"properties": list}) //nolint:errcheck // the caller has gone
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	type configuration struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}
	out, err := xml.MarshalIndent(configuration{Properties: list}, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%s%s\n", xml.Header, out)
}

func isSecret(key string) bool {
	for _, word := range []string{"token", "password", "secret", "credential"} {
		if strings.Contains(strings.ToLower(key), word) && !strings.Contains(key, "enable") && !strings.Contains(key, "lifetime") && !strings.Contains(key, "interval") {
			return true
		}
	}
	return false
}

// logLevel shows and sets the log level: /logLevel?level=debug, superusers only. Hadoop's ?log=NAME is accepted; there is one logger.
type logLevel struct{ cfg Config }

func (l logLevel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.cfg.LogLevel == nil {
		http.NotFound(w, r)
		return
	}
	if level := r.URL.Query().Get("level"); level != "" {
		if user, _ := callerOf(l.cfg, r); !l.cfg.Superuser(user) {
			webrest.WriteError(w, hdfs.Errorf(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required", user))
			return
		}
		var parsed slog.Level
		if err := parsed.UnmarshalText([]byte(strings.ToUpper(strings.TrimSuffix(level, "ING")))); err != nil {
			http.Error(w, "level takes debug, info, warn or error", http.StatusBadRequest)
			return
		}
		l.cfg.LogLevel.Set(parsed)
	}
	fmt.Fprintf(w, "Effective Level: %s\n", l.cfg.LogLevel.Level())
}
