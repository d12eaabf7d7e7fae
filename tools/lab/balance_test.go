package lab_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// pids are the distinct instances that answered.
func pids(t *testing.T, responses ...*lab.Response) map[string]bool {
	t.Helper()
	pids := map[string]bool{}
	for _, r := range responses {
		require.Equal(t, http.StatusOK, r.Status, r.Err)
		pids[string(r.Body)] = true
	}
	return pids
}

func TestTheBalancerAsksAllInstances(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	balancer := app.Balance()
	require.Len(t, pids(t, balancer.Do(lab.GET("/who")), balancer.Do(lab.GET("/who")), balancer.Do(lab.GET("/who"))), 2)
	records := balancer.Records()
	require.Len(t, records, 3)
	require.Equal(t, "GET /who, try 1, instance A: 200", records[0].String())
	app.StartInstance()
	require.True(t, balancer.Ready(2))
	responses := balancer.Burst(12, func(int) *lab.Request { return lab.GET("/who") })
	require.Len(t, pids(t, responses...), 3)
}

func TestTheBalancerFollowsARollingRestart(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	balancer := app.Balance()
	for i, instance := range app.Instances {
		app.Do(lab.POST("/drain", nil).On(i))
		balancer.Await(i, false)
		balancer.Do(lab.GET("/who")).Expect(200, "the other one is there")
		_, err := instance.Stop()
		require.NoError(t, err)
		require.NoError(t, instance.Restart())
		balancer.Await(i, true)
	}
	for _, r := range balancer.Records() {
		require.Equal(t, 200, r.Status, r)
	}
}

func TestTheBalancerRetriesOnlyWhenAskedTo(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	plain, retrying := app.Balance(), app.Balance(lab.RetryIdempotent)
	require.Equal(t, 502, plain.Send(lab.GET("/die")).Status)
	require.NoError(t, app.Instances[0].Restart())
	retrying.Await(0, true)
	require.Equal(t, 502, retrying.Send(lab.GET("/die")).Status, "both are dead")
	require.Len(t, retrying.Records(), 2)
	require.Equal(t, 1, retrying.Records()[1].Instance)
}

func TestABeginGoesThroughTheBalancer(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	balancer := app.Balance()
	pending := balancer.Begin(lab.GET("/wait"))
	lab.Eventually(t, 10*time.Second, func() bool { return len(app.LogsWith("msg", "waiting")) == 1 }, lab.Finding{Measured: "no request arrives"})
	pending.Leave()
	lab.Eventually(t, 10*time.Second, func() bool { return len(app.LogsWith("msg", "client left")) == 1 }, lab.Finding{Measured: "the instance doesn't hear that the client left"})
}

func TestAFindingSaysHowToStartAllInstances(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) {
		lab.Start(t, lab.Instances(2)).Balance().Do(lab.GET("/who")).Expect(418, "tea")
	})
	require.Contains(t, said, "--instances 2")
	require.Contains(t, said, "curl -i localhost:8080/who")
}

func TestProxiesServeTheFile(t *testing.T) {
	t.Parallel()
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			app := lab.Start(t, lab.Instances(2))
			front := proxy.Front(app, "testdata/nginx.conf")
			require.Len(t, pids(t, front.Do(lab.GET("/who")), front.Do(lab.GET("/who"))), 2)
			app.Instances[0].Kill()
			for range 3 {
				front.Do(lab.GET("/who")).Expect(200, "the other one is there")
			}
			tries := front.Records()
			require.Len(t, tries, 6)
			require.Equal(t, 0, tries[2].Instance)
			require.Zero(t, tries[2].Status)
			require.Equal(t, 1, tries[3].Instance)
			require.Equal(t, 2, tries[3].Attempt)
			require.NoError(t, app.Instances[0].Restart())
			require.Equal(t, 200, front.Send(lab.GET("/who")).Status)
		})
	}
}

func TestAProxysBrokenFileIsAFinding(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile("testdata/nginx.conf")
	require.NoError(t, err)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			for text, want := range map[string]string{
				"upstream boxoffice {\n  server api-1:8080\n}":      `nginx.conf:3: unexpected "}"`,
				"upstream boxoffice {\n  server api-3:8080;\n}":     "nginx.conf:2: there is no api-3: the instances are called api-1 to",
				"upstream boxoffice {\n  server api-1:80;\n}":       "nginx.conf:2: api-1 listens on port 8080",
				"upstream boxoffice {\n  server localhost:8080;\n}": `nginx.conf:2: "localhost:8080" is no instance`,
				strings.Replace(string(good), "1.1;", "1.2;", 1):    "nginx.conf:14: invalid value",
			} {
				path := file("nginx.conf", text)
				said := failureOf(t, func(t testing.TB) { proxy.Front(lab.Start(t, lab.Instances(2)), path) })
				require.Contains(t, strings.Join(strings.Fields(said), " "), want)
			}
			said := failureOf(t, func(t testing.TB) { proxy.Front(lab.Start(t), "deploy/none.conf") })
			require.Contains(t, said, "deploy/none.conf")
		})
	}
}

// A test of step 10 counts the connections to an instance at a relay, which it puts into its URL.
func TestBalancersAskWhereURLSays(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	between := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `"between"`) })}
	t.Cleanup(func() { _ = between.Close() })
	go func() { _ = between.Serve(listener) }()
	app := lab.Start(t)
	app.Instances[0].URL = "http://" + listener.Addr().String()
	answer := app.Balance().Do(lab.GET("/who")).Expect(http.StatusOK, "somebody is there")
	require.Equal(t, `"between"`, string(answer.Body))
}
