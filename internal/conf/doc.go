// Package conf is the configuration of every role and command: Apache's keys where a key exists, ours (lode.*) for the rest.
//
// A value comes from the last of these that has it: the built-in defaults (the table in keys.go, which are Apache's), the XML
// files of a Hadoop configuration directory (core-site.xml, hdfs-site.xml, mapred-site.xml), lode.yaml beside them, the
// environment, -D key=value. In the environment a variable named exactly like a key counts, and so do the forms
// CORE_CONF_fs_defaultFS and HDFS_CONF_dfs_replication that Hadoop images use (_ is a dot, __ an underscore, ___ a dash).
//
// A Conf is checked when it is loaded: a value that does not fit its key stops the start with the key, the value, where it
// came from and what is allowed. A key that nobody knows is reported once as a warning and kept, since Hadoop's files carry
// keys for systems that we are not.
package conf
