// Package training holds the example jobs that every Hadoop course knows, under Hadoop's names.
package training

import "github.com/lodehq/lode/mapreduce"

// Programs lists them.
func Programs() []mapreduce.Program {
	return []mapreduce.Program{wordCount(), multiFileWordCount(), aggregateWordCount(), grep(), sortText(), secondarySort(), join(), pi(),
		teraGen(), teraSort(), teraValidate(), randomTextWriter(), sleep()}
}
