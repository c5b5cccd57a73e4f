package namespace

import "github.com/lodehq/lode/internal/hdfs"

func fail(class, format string, args ...any) *hdfs.Exception {
	return hdfs.Errorf(class, format, args...)
}

func ioFail(format string, args ...any) *hdfs.Exception {
	return hdfs.Errorf(hdfs.IOException, format, args...)
}

func notFound(format string, args ...any) *hdfs.Exception {
	return hdfs.Errorf(hdfs.FileNotFound, format, args...)
}

// invalidPath has the words that the Java constructor puts before its argument.
func invalidPath(s string) *hdfs.Exception {
	return hdfs.Errorf(hdfs.InvalidPath, "Invalid path name %s", s)
}
