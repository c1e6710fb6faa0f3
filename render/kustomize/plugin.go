package kustomize

import (
	"bytes"
	"errors"
	"io"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// pathKeys are the fields of built-in generators and transformers that hold a
// path which kustomize loads.
var pathKeys = map[string]bool{
	"path": true, "paths": true, "files": true, "envs": true, "env": true, "valuesfile": true, "additionalvaluesfiles": true,
}

// pluginAddresses lists the remote addresses in the configuration of built-in
// generators and transformers, which is a stream of YAML documents.
func pluginAddresses(data []byte) []string {
	if !bytes.Contains(data, []byte("builtin")) {
		return nil
	}
	var out []string
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) || err != nil {
			return out
		}
		collectAddresses(&node, false, &out, 0)
	}
}

// depthLimit ends the walk in documents whose aliases nest without end.
const depthLimit = 64

func collectAddresses(n *yaml.Node, isPath bool, out *[]string, depth int) {
	if n == nil || depth > depthLimit {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		value := n.Value
		if _, after, ok := strings.Cut(value, "="); ok && isRemote(after) {
			value = after
		}
		if isPath && isRemote(value) {
			*out = append(*out, value)
		}
	case yaml.AliasNode:
		collectAddresses(n.Alias, isPath, out, depth+1)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			collectAddresses(n.Content[i+1], pathKeys[strings.ToLower(n.Content[i].Value)], out, depth+1)
		}
	default:
		for _, c := range n.Content {
			collectAddresses(c, isPath, out, depth+1)
		}
	}
}
