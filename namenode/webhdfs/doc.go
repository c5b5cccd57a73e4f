// Package webhdfs answers the WebHDFS REST API (hdfs.web.resources, WebHDFS.md of Hadoop 3.4) on the namenode's web port, under
// /webhdfs/v1. It is a translator: each operation becomes one or two calls of ClientProtocol, made as the caller, and the answer
// becomes the JSON that Apache's clients expect; it has no rules of its own.
//
// Data does not pass here: CREATE, APPEND, OPEN and GETFILECHECKSUM are answered with a redirect (307) to a datanode that the
// caller can reach, or with its address as JSON when noredirect=true. With lode.namenode.webhdfs.proxy (or a query parameter
// proxy=true) the namenode's port carries the bytes itself, for callers behind one published port: package client/webdata has
// the handler for that, given here as Config.Data.
//
// Errors are Apache's: a RemoteException in JSON, and 400, 401, 403, 404 or 500 by its class (web.resources.ExceptionHandler).
package webhdfs
