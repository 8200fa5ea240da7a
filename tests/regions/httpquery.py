"""One HTTP request over a socket that somebody made in the right place."""
import http.client
import ssl
import urllib.parse


def ask(connected, url, body=None, timeout_s=3.0, ca_file=None):
    """(status, text), or (0, why) when there is no answer. The socket is used up."""
    parts = urllib.parse.urlsplit(url)
    try:
        connected.settimeout(timeout_s)
        connected.connect((parts.hostname, parts.port))
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            context.check_hostname = False           # the certificate names the service, not this address
            connected = context.wrap_socket(connected)
        exchange = http.client.HTTPConnection(parts.hostname, parts.port)
        exchange.sock = connected
        exchange.request("GET" if body is None else "POST", parts.path or "/", body)
        answer = exchange.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connected.close()
