package fsimage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/namespace"
)

// HandlerConfig of a Handler.
type HandlerConfig struct {
	Image     func() (io.ReadCloser, error) // the newest image of the namespace in our own form
	FS        vfs.FS
	Spool     string // a directory for one image while it is sent
	Namespace namespace.Options
	Active    func() bool
	Logger    *slog.Logger
}

// Handler serves /imagetransfer?getimage=1&txid=latest, which `hdfs dfsadmin -fetchImage` asks for (ImageServlet). One image is made at a
// time; it needs the memory of a second namespace while it is.
type Handler struct {
	cfg HandlerConfig
	mu  sync.Mutex // one export at a time; I/O happens under it
}

// NewHandler makes one.
func NewHandler(cfg HandlerConfig) *Handler { return &Handler{cfg: cfg} }

// ServeHTTP answers an image.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || q.Get("getimage") == "" {
		http.Error(w, "only GET with getimage=1&txid=latest is answered: a namenode of Lode writes and sends its own journal otherwise", http.StatusBadRequest)
		return
	}
	if !h.cfg.Active() {
		http.Error(w, "this namenode does not lead; ask the one that does", http.StatusServiceUnavailable)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.serve(w, r, q.Get("txid")); err != nil {
		h.cfg.Logger.Warn("an image could not be sent", "to", r.RemoteAddr, "err", err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, txid string) error {
	n, err := h.copy()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return err
	}
	at := n.Stats().Applied
	if txid != "" && txid != "latest" {
		if v, err := strconv.ParseUint(txid, 10, 64); err != nil || v != at {
			http.Error(w, fmt.Sprintf("only the latest image is here, that of transaction %d", at), http.StatusNotFound)
			return nil
		}
	}
	name := fmt.Sprintf("fsimage_%019d", at)
	spool := h.cfg.Spool + "/imagetransfer.spool"
	size, sum, err := Export(r.Context(), h.cfg.FS, n, spool)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return err
	}
	f, err := h.cfg.FS.OpenFile(spool, os.O_RDONLY, 0)
	// It stays readable through f.
	_, _ = h.cfg.FS.Remove(spool), h.cfg.FS.Remove(spool+".md5")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return err
	}
	defer f.Close()
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Content-Length", strconv.FormatInt(size, 10))
	head.Set("Content-Disposition", "attachment; filename="+name)
	head.Set("X-Image-Edits-Name", name)
	head.Set("X-MD5-Digest", fmt.Sprintf("%x", sum))
	_, err = io.Copy(w, f)
	return err
}

// copy makes a namespace of its own, so that the one that serves goes on.
func (h *Handler) copy() (_ *namespace.Namespace, err error) {
	r, err := h.cfg.Image()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return namespace.ReadImage(h.cfg.Namespace, nil, r)
}
