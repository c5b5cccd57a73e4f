package shuffle

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/lodehq/lode/mapreduce/sortmerge"
)

// Server serves the map outputs of one worker.
type Server struct {
	// File finds an attempt's spill file.
	File func(job, attempt string) (path string, ok bool)
	// Allowed checks a job's token; nil allows everyone.
	Allowed func(job, token string) bool
}

const maxSegments = 1000

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	job := q.Get("job")
	reduce, err := strconv.Atoi(q.Get("reduce"))
	maps := strings.Split(q.Get("map"), ",")
	if err != nil || reduce < 0 || job == "" || len(maps) > maxSegments {
		http.Error(w, "mapOutput needs job, reduce and map (at most 1000)", http.StatusBadRequest)
		return
	}
	if s.Allowed != nil && !s.Allowed(job, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		http.Error(w, "token of the job needed", http.StatusForbidden)
		return
	}
	type piece struct {
		frame Frame
		file  string
		at    int64
	}
	pieces := make([]piece, len(maps))
	total := int64(0)
	for i, m := range maps {
		pieces[i].frame.Status = StatusMissing
		if path, ok := s.File(job, m); ok {
			if index, err := sortmerge.ReadIndex(path); err == nil && reduce < len(index) {
				seg := index[reduce]
				pieces[i] = piece{Frame{StatusOK, seg.Length, seg.RawLength}, path, seg.Offset}
			}
		}
		total += HeaderSize + pieces[i].frame.Length
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(total, 10))
	for _, p := range pieces {
		if _, err := w.Write(p.frame.Append(nil)); err != nil {
			return
		}
		if p.frame.Length > 0 && sendRange(w, p.file, p.at, p.frame.Length) != nil {
			return // the length announced is not reached: the reader sees a cut answer
		}
	}
}

// sendRange copies a range of a file; *http.response does it by sendfile when the Content-Length is known.
func sendRange(w io.Writer, file string, at, n int64) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, n)
	return err
}
