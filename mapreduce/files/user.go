package files

import (
	"os"
	"os/user"
)

// User is who jobs of this process belong to, as Hadoop finds it without security.
func User() string {
	if u := os.Getenv("HADOOP_USER_NAME"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "nobody"
}
