package kustomize

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// gitBase is a folder of a git repository, as kustomize understands an address.
type gitBase struct {
	URL  string // of the repository, with a scheme
	Path string // of the folder in the repository
	Ref  string // tag, branch or commit; empty for the main branch
}

var gitUser = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// gitBaseOf reads an address: https://host/repo//path?ref=x, host/owner/repo/path
// of GitHub, user@host:repo. An address of this machine is none.
func gitBaseOf(address string) (gitBase, bool) {
	rest, query, _ := strings.Cut(strings.TrimSpace(address), "?")
	values, _ := url.ParseQuery(query)
	b := gitBase{Ref: values.Get("ref")}
	if b.Ref == "" {
		b.Ref = values.Get("version")
	}
	_, rest, _ = cutPrefixFold(rest, "git::")
	scheme := ""
	for _, s := range []string{"ssh://", "https://", "http://"} {
		if _, after, ok := cutPrefixFold(rest, s); ok {
			scheme, rest = s, after
			break
		}
	}
	user := gitUser.FindString(rest)
	rest = rest[len(user):]
	_, _, github := cutPrefixFold(rest, "github.com")
	colon := scheme == "" && (user != "" || github)
	if scheme == "" && !colon {
		return gitBase{}, false
	}
	at := strings.IndexByte(rest, '/')
	if i := strings.IndexByte(rest, ':'); colon && i > 0 && (at < 0 || i < at) {
		at = i
	}
	if at <= 0 {
		return gitBase{}, false
	}
	host := rest[:at]
	repository, folder, ok := splitRepository(rest[at+1:])
	folder = path.Clean(strings.TrimPrefix(folder, "/"))
	if !ok || repository == "" || folder == ".." || strings.HasPrefix(folder, "../") {
		return gitBase{}, false
	}
	switch {
	case scheme == "" && github && user == "":
		scheme = "https://"
	case scheme == "":
		scheme = "ssh://"
	}
	b.URL, b.Path = scheme+user+host+"/"+repository, folder
	return b, true
}

// marksGit reports whether an address can only be that of a git repository, not
// of a file. kustomize loads a file before it thinks of a repository.
func marksGit(address string) bool {
	if _, ok := gitBaseOf(address); !ok {
		return false
	}
	lower := strings.ToLower(address)
	if !strings.HasPrefix(lower, "http:") && !strings.HasPrefix(lower, "https:") {
		return true
	}
	_, rest, _ := strings.Cut(lower, "://")
	before, query, _ := strings.Cut(rest, "?")
	return strings.Contains(before, "//") || strings.Contains(before, "_git/") || strings.Contains(before, ".git/") ||
		strings.HasSuffix(before, ".git") || strings.Contains(query, "ref=") && path.Ext(before) == ""
}

// splitRepository tells the repository from the folder in it: after "_git/" and
// a name, before "//", after ".git", else after two names.
func splitRepository(s string) (repository, folder string, ok bool) {
	if i := strings.Index(s, "_git/"); i >= 0 {
		end := i + len("_git/")
		name, below, _ := strings.Cut(s[end:], "/")
		return s[:end] + name, below, true
	}
	if before, after, found := strings.Cut(s, "//"); found {
		return before, after, true
	}
	if i := strings.Index(s, ".git"); i >= 0 {
		return s[:i+len(".git")], s[i+len(".git"):], true
	}
	names := strings.SplitN(s, "/", 3)
	switch len(names) {
	case 2:
		return s, "", true
	case 3:
		return names[0] + "/" + names[1], names[2], true
	}
	return "", "", false
}

// cutPrefixFold cuts a prefix in any case; without it, after is s.
func cutPrefixFold(s, prefix string) (before, after string, found bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[:len(prefix)], s[len(prefix):], true
	}
	return "", s, false
}
