"""RemoteMonitor, to a server of this process's."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.callbacks import RemoteMonitor

pytestmark = pytest.mark.usefixtures("cpu")
X, Y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")


@pytest.fixture
def server():
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], body))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", got
        made.shutdown()
        thread.join()


def fit(*callbacks):
    model = gpunn.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=2, verbose=0, callbacks=list(callbacks))


def test_logs_of_every_epoch_arrive(server):
    root, got = server
    fit(RemoteMonitor(root, headers={"X-Key": "k"}), RemoteMonitor(root, "/json", send_as_json=True), RemoteMonitor(root, "/broken"))
    form, plain = got[0], got[1]
    assert form[:3] == ("/publish/epoch/end/", "application/x-www-form-urlencoded", "k") and plain[:2] == ("/json", "application/json")
    (text,) = urllib.parse.parse_qs(form[3])["data"]
    assert json.loads(text) == json.loads(plain[3]) == {"epoch": 0, "loss": 0.0} and json.loads(got[4][3])["epoch"] == 1


def test_a_server_that_is_not_there():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        assert len(fit(RemoteMonitor("http://127.0.0.1:9")).history["loss"]) == 2
    with pytest.raises(ValueError, match=r"expected root to be an http or https address. Received: root='file:///etc'"):
        RemoteMonitor("file:///etc")
