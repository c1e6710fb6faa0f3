package e2e

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
)

// What only some clusters can give to a Service is no error, and is told.
func TestServicesOfOtherClusters(t *testing.T) {
	named := func(name, spec string) string {
		return "{apiVersion: v1, kind: Service, metadata: {name: " + name + ", namespace: default}, spec: {" + spec + "}}"
	}
	base := map[string]string{
		"clusters/app.yaml": child("app", ""), "app/usual.yaml": named("usual", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"),
		"app/old.yaml": named("old", "type: NodePort, ports: [{port: 80, nodePort: 9090}]"),
	}
	head := maps.Clone(base)
	head["app/old.yaml"] = named("old", "type: NodePort, ports: [{port: 81, nodePort: 9090}]")
	head["app/low.yaml"] = "apiVersion: v1\nkind: Service\nmetadata: {name: low, namespace: default}\nspec:\n  type: NodePort\n  ports:\n  - {name: a, port: 80}\n  - {name: b, port: 81, nodePort: 8080}\n"
	head["app/dual.yaml"] = named("dual", "ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]")
	head["app/prefers.yaml"] = named("prefers", "ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]")
	head["app/six.yaml"] = named("six", "ipFamilies: [IPv6], ports: [{port: 80}]")
	head["app/external.yaml"] = named("external", "type: ExternalName, externalName: example.com")
	head["app/balanced.yaml"] = named("balanced", "type: LoadBalancer, loadBalancerIP: 192.0.2.7, ports: [{port: 80}]")
	head["clusters/fixed.yaml"] = child("fixed", "")
	head["fixed/fixed.yaml"] = named("fixed", "clusterIP: 172.20.0.10, ports: [{port: 80}]")
	all := replay(t, serverOf(t, controlplane.Options{}), simulate.Options{Emulate: simulate.RealCluster()}, base, head).Steps
	want := []string{
		"warning Service/default/dual /spec/ipFamilyPolicy is refused by a cluster whose Services have addresses of one family only: it asks for two",
		"warning Service/default/low /spec/ports/1/nodePort is refused by a cluster whose node ports are 30000-32767, as they are by default: it asks for 8080",
		"warning Service/default/six /spec/ipFamilies is refused by a cluster whose Services have no IPv6 addresses: it asks for one",
	}
	if d := cmp.Diff(want, told(all[1], "server-warned")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, f := range all[1].Facts {
		const check = "name a port of 30000-32767, or see that the API server of the cluster has this one in its --service-node-port-range," +
			" and name that as nodePortRange in the file of --config"
		if f.Object.Name == "low" && (f.Check != check || f.Pos.String() != "app/low.yaml:8:35") {
			t.Errorf("at %s: %s", f.Pos, f.Check)
		}
	}
	if d := cmp.Diff([]string{"Service/default/fixed spec.clusterIPs@fixed/fixed.yaml:1:96"}, turned(all[1])); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
}

// Where the node ports of the cluster are known, the server decides about them.
func TestNodePortsOfTheCluster(t *testing.T) {
	named := func(name string, port int) string {
		return fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: default}, spec: {type: NodePort, ports: [{port: 80, nodePort: %d}]}}", name, port)
	}
	base := map[string]string{"clusters/app.yaml": child("app", ""), "app/high.yaml": named("high", 32000)}
	head := maps.Clone(base)
	head["clusters/low.yaml"], head["low/low.yaml"] = child("low", ""), named("low", 8080)
	o := simulate.Options{Emulate: simulate.RealCluster(), NodePortsKnown: true}
	step := replay(t, serverOf(t, controlplane.Options{NodePortRange: "30000-32767"}), o, base, head).Steps[1]
	if said := told(step, "server-warned"); len(said) > 0 {
		t.Errorf("warned: %q", said)
	}
	if d := cmp.Diff([]string{"Service/default/low spec.ports[0].nodePort@low/low.yaml:1:128"}, turned(step)); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
}
