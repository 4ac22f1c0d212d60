# Triggers the server (`serve`) once. Started every minute by the Task Scheduler: see trigger-task.xml.
# The secret is read from its file; it is in no command line and in no task.
param(
    [string]$Url = 'http://127.0.0.1:8787/api/cron-auto-message',
    [string]$SecretFile = (Join-Path $PSScriptRoot 'auto-message-scheduler.db.cron-secret')
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    # Windows PowerShell 5.1 does not offer TLS 1.2 by itself.
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    $secret = [IO.File]::ReadAllText($SecretFile).Trim()
    $headers = @{ Authorization = "Bearer $secret" }
    # A redirect would take the secret to another place.
    Invoke-WebRequest -UseBasicParsing -Method Post -Uri $Url -Headers $headers -TimeoutSec 50 -MaximumRedirection 0 | Out-Null
    exit 0
}
catch {
    # What the Task Scheduler shows as the last result; the words go where you redirect them.
    [Console]::Error.WriteLine("not triggered: " + $_.Exception.Message)
    exit 1
}
