package sqlcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/chzyer/readline"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// Command is `lode sql`.
func Command() *cli.Command {
	return &cli.Command{
		Name: "sql", Usage: "ask the tables in SQL", ArgsUsage: `["select …"]`,
		Description: "Without a statement, statements are read from standard input, each ended by a semicolon; on a terminal with a prompt and history.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Value: "http://127.0.0.1:8765", EnvVars: []string{"LODE_QUERY"}, Usage: "`URL` of the query service"},
			&cli.StringFlag{Name: "token", EnvVars: []string{"LODE_TOKEN"}, Usage: "the cluster's `TOKEN`, where the service does not trust this machine"},
			&cli.StringFlag{Name: "format", Usage: "table, csv, json, parquet or arrow (default: table on a terminal, csv otherwise)"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`"},
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read the statement from `FILE`"},
			&cli.DurationFlag{Name: "timeout", Usage: "give up after this long"},
		},
		Action: run,
	}
}

// session is one invocation.
type session struct {
	client *Client
	format string
	out    string
	stdout io.Writer
	stderr io.Writer
	limit  time.Duration
}

func run(c *cli.Context) error {
	s := &session{client: &Client{Server: c.String("server"), HTTP: &http.Client{}, Token: c.String("token")}, format: c.String("format"), out: c.String("out"), stdout: c.App.Writer, stderr: c.App.ErrWriter, limit: c.Duration("timeout")}
	if s.format == "" {
		s.format = "csv"
		if s.out == "" && isTerminal(s.stdout) {
			s.format = "table"
		}
	}
	if _, ok := media[s.format]; !ok {
		return fmt.Errorf("--format %s: one of table, csv, json, parquet, arrow", s.format)
	}
	switch {
	case c.NArg() > 0:
		return s.ask(c.Context, strings.Join(c.Args().Slice(), " "))
	case c.String("file") != "":
		data, err := os.ReadFile(c.String("file"))
		if err != nil {
			return err
		}
		return s.all(c.Context, string(data))
	case isTerminal(c.App.Reader) && s.out == "":
		return s.talk(c.Context)
	}
	data, err := io.ReadAll(c.App.Reader)
	if err != nil {
		return err
	}
	return s.all(c.Context, string(data))
}

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// all runs the statements of a text one after another, to the first error.
func (s *session) all(ctx context.Context, text string) error {
	for len(text) > 0 {
		statement, rest, _ := split(text)
		text = rest
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := s.ask(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// ask runs one statement and writes its rows.
func (s *session) ask(ctx context.Context, statement string) error {
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	statement, rest, _ := split(statement)
	if strings.TrimSpace(rest) != "" {
		statement += ";" + rest // the service says what is wrong with it
	}
	rows, err := s.client.Query(ctx, meta(statement), s.format)
	if err != nil {
		return err
	}
	defer rows.Close()
	if s.out == "" {
		return s.write(s.stdout, rows)
	}
	// A file appears whole or not at all.
	tmp, err := os.CreateTemp(filepath.Dir(s.out), ".lode-sql-*")
	if err != nil {
		return err
	}
	err = errors.Join(s.write(tmp, rows), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), s.out)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

func (s *session) write(w io.Writer, rows io.Reader) error {
	if s.format == "table" {
		_, err := printTable(w, rows)
		return cutOff(err)
	}
	_, err := io.Copy(w, rows)
	return cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the answer was cut off: the query failed while its rows were coming, or the service stopped")
	}
	return err
}

// meta turns the backslash commands that people know from psql into SQL.
func meta(statement string) string {
	fields := strings.Fields(statement)
	if len(fields) == 0 || !strings.HasPrefix(fields[0], `\`) {
		return statement
	}
	switch fields[0] {
	case `\d`, `\d+`:
		if len(fields) > 1 {
			return "describe " + fields[1]
		}
		return tables + " order by 1, 2"
	case `\dt`, `\dv`:
		return tables + " order by 1, 2"
	case `\dn`:
		return "select distinct table_schema as namespace from information_schema.tables where table_catalog = 'lode' order by 1"
	}
	return statement
}

const tables = `select table_schema as namespace, table_name as name, "TABLE_COMMENT" as comment from information_schema.tables where table_catalog = 'lode'`

// split takes the first statement off a text, at a semicolon outside of quotes and comments.
func split(text string) (statement, rest string, ended bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ';':
			return text[:i], text[i+1:], true
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return text, "", false
			}
			i += end + 1
		case strings.HasPrefix(text[i:], "--"):
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return text, "", false
			}
			i += end
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				return text, "", false
			}
			i += end + 3
		}
	}
	return text, "", false
}

// talk reads statements from a terminal. Ctrl-C stops a statement, or forgets what was typed; Ctrl-D ends.
func (s *session) talk(ctx context.Context) error {
	history := ""
	if dir, err := os.UserCacheDir(); err == nil {
		history = filepath.Join(dir, "lode-sql-history")
		_ = os.MkdirAll(dir, 0o755) // without it there is no history
	}
	rl, err := readline.NewEx(&readline.Config{Prompt: "lode> ", HistoryFile: history, DisableAutoSaveHistory: true, InterruptPrompt: "^C", EOFPrompt: "", AutoComplete: s.words(ctx)})
	if err != nil {
		return err
	}
	defer rl.Close()
	fmt.Fprintf(s.stdout, "Lode SQL at %s. \\d lists the tables, \\d NAME describes one, \\q ends.\n", s.client.Server)
	var typed strings.Builder
	for {
		line, err := rl.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			typed.Reset()
			rl.SetPrompt("lode> ")
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		word := strings.TrimSuffix(strings.TrimSpace(line), ";")
		if typed.Len() == 0 && (word == `\q` || word == "quit" || word == "exit") {
			return nil
		}
		typed.WriteString(line + "\n")
		text := typed.String()
		_, _, ended := split(text)
		if !ended && !strings.HasPrefix(strings.TrimSpace(text), `\`) && strings.TrimSpace(text) != "" {
			rl.SetPrompt("   -> ")
			continue
		}
		typed.Reset()
		rl.SetPrompt("lode> ")
		if strings.TrimSpace(text) == "" {
			continue
		}
		_ = rl.SaveHistory(strings.Join(strings.Fields(text), " "))
		running, stop := signal.NotifyContext(ctx, os.Interrupt)
		if err := s.all(running, text); err != nil {
			fmt.Fprintln(s.stderr, "error:", err)
		}
		stop()
	}
}

// words completes table names; without a service there are none.
func (s *session) words(ctx context.Context) readline.AutoCompleter {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	rows, err := s.client.Query(ctx, "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'lode' order by 1", "csv")
	if err != nil {
		return nil
	}
	defer rows.Close()
	data, err := io.ReadAll(rows)
	if err != nil {
		return nil
	}
	names := strings.Split(strings.TrimSpace(string(data)), "\n")
	return completer(names[1:])
}

// completer completes the word before the cursor.
type completer []string

func (c completer) Do(line []rune, pos int) (found [][]rune, length int) {
	start := pos
	for start > 0 && !strings.ContainsRune(" \t,()", line[start-1]) {
		start--
	}
	word := string(line[start:pos])
	if word == "" {
		return nil, 0
	}
	for _, name := range c {
		if rest, ok := strings.CutPrefix(name, word); ok {
			found = append(found, []rune(rest))
		}
	}
	return found, len([]rune(word))
}
