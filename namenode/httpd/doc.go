// Package httpd is the namenode's web port: WebHDFS, the pages, what monitoring reads (/jmx with Hadoop's beans, /prom), what
// tools read (/fsck, /conf, /logLevel, /imagetransfer, /startupProgress), and a gateway to the pages of the other roles
// (/scheduler/, /history/, /query/, /catalog/), so that one published port shows everything.
//
// It translates what the namenode's core knows into the shapes that Hadoop's web port has; it decides nothing.
package httpd
