// Package format holds the file formats of jobs: text, key-value text, NLine, whole files and sequence files as input; text and
// sequence files as output; compression by suffix; and Hadoop's rules for which files an input path means, where a file is
// split, and how an attempt's files are named and published.
package format
