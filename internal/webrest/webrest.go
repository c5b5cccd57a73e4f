// Package webrest writes the error bodies of Hadoop's REST APIs: a RemoteException in JSON under the HTTP status of its Java
// class (org.apache.hadoop.hdfs.web.resources.ExceptionHandler). Namenode and datanode share it.
package webrest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
)

// WriteError answers a request with err.
func WriteError(w http.ResponseWriter, err error) {
	class, message := hdfs.ClassOf(err), err.Error()
	var e *hdfs.Exception
	if errors.As(err, &e) {
		message = e.Message
	}
	if class == hdfs.XAttrNotFound {
		class = xattrNotFound
	}
	type remoteException struct {
		Exception     string `json:"exception"`
		JavaClassName string `json:"javaClassName"`
		Message       string `json:"message"`
	}
	WriteJSON(w, StatusOf(class), map[string]remoteException{"RemoteException": {class[strings.LastIndexAny(class, ".$")+1:], class, message}})
}

// xattrNotFound is the name under which the web side knows hdfs.XAttrNotFound.
const xattrNotFound = "org.apache.hadoop.hdfs.protocol.XAttrNotFoundException"

// StatusOf is the HTTP status of a Java exception class.
func StatusOf(class string) int {
	switch class {
	case hdfs.FileNotFound:
		return http.StatusNotFound
	case hdfs.IllegalArgumentJava, hdfs.IllegalArgument, hdfs.InvalidPath, hdfs.UnsupportedOperation:
		return http.StatusBadRequest
	case hdfs.InvalidToken:
		return http.StatusUnauthorized
	case hdfs.IllegalState, hdfs.NullPointer, hdfs.ArrayIndexOutOfBounds:
		return http.StatusInternalServerError
	}
	return http.StatusForbidden
}

// WriteJSON answers a request with v. A caller that has gone is nobody's error.
func WriteJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(body) //nolint:errcheck // the caller has gone
}
