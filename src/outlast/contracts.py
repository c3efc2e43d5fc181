"""The published interfaces, verbatim (`contract` version 1.0.0).

Signatures and docstrings are the published text; `tests/contract` compares them with a copy of it. What they leave open is
decided in the reference documentation.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Dict, List, Optional

from outlast.events import ResilienceEvent

__all__ = [
    "IAbortManager",
    "IBrowserLifecycleIntegration",
    "ICheckpointManager",
    "IFailureHandler",
    "ILoggingIntegration",
    "IResourceMonitor",
    "IRetryManager",
]


class ICheckpointManager(ABC):
    """Manages checkpoint creation, validation, and recovery operations."""

    @abstractmethod
    async def create_checkpoint(
        self, job_id: str, data: Dict[str, Any], metadata: Optional[Dict[str, Any]] = None
    ) -> str:
        """
        Create a new checkpoint for the specified job.

        Args:
            job_id: Unique identifier for the scraping job
            data: Job state data to checkpoint
            metadata: Optional metadata about the checkpoint

        Returns:
            Checkpoint ID if successful

        Raises:
            CheckpointCreationError: If checkpoint creation fails
            ValidationError: If data is invalid
        """

    @abstractmethod
    async def load_checkpoint(self, checkpoint_id: str) -> Optional[Dict[str, Any]]:
        """
        Load checkpoint data by ID.

        Args:
            checkpoint_id: Unique checkpoint identifier

        Returns:
            Checkpoint data if found, None otherwise

        Raises:
            CheckpointCorruptionError: If checkpoint is corrupted
            ValidationError: If checkpoint format is invalid
        """

    @abstractmethod
    async def list_checkpoints(self, job_id: str, limit: Optional[int] = None) -> List[Dict[str, Any]]:
        """
        List checkpoints for a job.

        Args:
            job_id: Unique identifier for the scraping job
            limit: Maximum number of checkpoints to return

        Returns:
            List of checkpoint metadata
        """

    @abstractmethod
    async def delete_checkpoint(self, checkpoint_id: str) -> bool:
        """
        Delete a checkpoint.

        Args:
            checkpoint_id: Unique checkpoint identifier

        Returns:
            True if deleted successfully, False otherwise
        """

    @abstractmethod
    async def validate_checkpoint(self, checkpoint_id: str) -> bool:
        """
        Validate checkpoint integrity.

        Args:
            checkpoint_id: Unique checkpoint identifier

        Returns:
            True if valid, False otherwise
        """


class IRetryManager(ABC):
    """Handles retry logic with configurable policies and backoff strategies."""

    @abstractmethod
    async def execute_with_retry(self, operation: callable, retry_policy_id: str, *args, **kwargs) -> Any:
        """
        Execute an operation with retry logic.

        Args:
            operation: The operation to execute
            retry_policy_id: ID of retry policy to use
            *args: Operation arguments
            **kwargs: Operation keyword arguments

        Returns:
            Result of the operation

        Raises:
            MaxRetriesExceededError: If all retry attempts fail
            PermanentFailureError: If failure is classified as permanent
        """

    @abstractmethod
    async def classify_failure(self, error: Exception) -> str:
        """
        Classify a failure as transient or permanent.

        Args:
            error: The exception to classify

        Returns:
            Classification result ("transient" or "permanent")
        """

    @abstractmethod
    async def calculate_backoff_delay(self, attempt: int, retry_policy_id: str) -> float:
        """
        Calculate backoff delay for retry attempt.

        Args:
            attempt: Current attempt number (1-based)
            retry_policy_id: ID of retry policy to use

        Returns:
            Delay in seconds before next retry
        """

    @abstractmethod
    async def create_retry_policy(self, policy_config: Dict[str, Any]) -> str:
        """
        Create a new retry policy.

        Args:
            policy_config: Policy configuration parameters

        Returns:
            ID of created policy
        """


class IResourceMonitor(ABC):
    """Monitors system resources and enforces configurable thresholds."""

    @abstractmethod
    async def start_monitoring(self, threshold_id: str, callback: callable) -> str:
        """
        Start resource monitoring with specified thresholds.

        Args:
            threshold_id: ID of resource threshold configuration
            callback: Callback function to invoke on threshold breach

        Returns:
            Monitoring session ID
        """

    @abstractmethod
    async def stop_monitoring(self, session_id: str) -> bool:
        """
        Stop resource monitoring session.

        Args:
            session_id: Monitoring session ID

        Returns:
            True if stopped successfully
        """

    @abstractmethod
    async def get_current_metrics(self) -> Dict[str, Any]:
        """
        Get current system resource metrics.

        Returns:
            Dictionary containing current metrics
        """

    @abstractmethod
    async def check_thresholds(self, threshold_id: str) -> Dict[str, bool]:
        """
        Check if current metrics exceed specified thresholds.

        Args:
            threshold_id: ID of threshold configuration

        Returns:
            Dictionary mapping threshold names to breach status
        """

    @abstractmethod
    async def create_resource_threshold(self, threshold_config: Dict[str, Any]) -> str:
        """
        Create a new resource threshold configuration.

        Args:
            threshold_config: Threshold configuration parameters

        Returns:
            ID of created threshold
        """


class IAbortManager(ABC):
    """Manages abort policies and intelligent failure detection."""

    @abstractmethod
    async def evaluate_abort_conditions(self, job_id: str, abort_policy_id: str) -> Dict[str, Any]:
        """
        Evaluate abort conditions for a job.

        Args:
            job_id: Unique identifier for the scraping job
            abort_policy_id: ID of abort policy to use

        Returns:
            Evaluation result with abort decision and reasoning
        """

    @abstractmethod
    async def record_failure(self, job_id: str, failure_event: Dict[str, Any]) -> None:
        """
        Record a failure event for abort evaluation.

        Args:
            job_id: Unique identifier for the scraping job
            failure_event: Failure event details
        """

    @abstractmethod
    async def execute_abort_actions(self, job_id: str, abort_reason: str) -> bool:
        """
        Execute abort actions for a job.

        Args:
            job_id: Unique identifier for the scraping job
            abort_reason: Reason for abort

        Returns:
            True if abort actions executed successfully
        """

    @abstractmethod
    async def create_abort_policy(self, policy_config: Dict[str, Any]) -> str:
        """
        Create a new abort policy.

        Args:
            policy_config: Policy configuration parameters

        Returns:
            ID of created policy
        """

    @abstractmethod
    async def get_failure_analysis(self, job_id: str, time_window: Optional[int] = None) -> Dict[str, Any]:
        """
        Get failure analysis for a job.

        Args:
            job_id: Unique identifier for the scraping job
            time_window: Time window in seconds (optional)

        Returns:
            Failure analysis results
        """


class IFailureHandler(ABC):
    """Coordinates failure handling across all resilience components."""

    @abstractmethod
    async def handle_failure(self, failure_event: Dict[str, Any], context: Dict[str, Any]) -> Dict[str, Any]:
        """
        Handle a failure event with appropriate recovery actions.

        Args:
            failure_event: Failure event details
            context: Additional context information

        Returns:
            Handling result with recovery actions taken
        """

    @abstractmethod
    async def register_failure_handler(self, failure_type: str, handler: callable) -> None:
        """
        Register a handler for specific failure types.

        Args:
            failure_type: Type of failure to handle
            handler: Handler function
        """

    @abstractmethod
    async def get_failure_statistics(
        self, job_id: Optional[str] = None, time_range: Optional[Dict[str, datetime]] = None
    ) -> Dict[str, Any]:
        """
        Get failure statistics.

        Args:
            job_id: Optional job identifier filter
            time_range: Optional time range filter

        Returns:
            Failure statistics
        """


class IBrowserLifecycleIntegration(ABC):
    """Integration points with existing browser lifecycle management."""

    @abstractmethod
    async def on_browser_restart_required(self, reason: str, context: Dict[str, Any]) -> bool:
        """
        Handle browser restart request from resilience system.

        Args:
            reason: Reason for restart request
            context: Additional context information

        Returns:
            True if restart initiated successfully
        """

    @abstractmethod
    async def get_browser_state(self, session_id: str) -> Dict[str, Any]:
        """
        Get current browser state for checkpointing.

        Args:
            session_id: Browser session ID

        Returns:
            Browser state data
        """

    @abstractmethod
    async def restore_browser_state(self, session_id: str, state: Dict[str, Any]) -> bool:
        """
        Restore browser state from checkpoint.

        Args:
            session_id: Browser session ID
            state: Browser state data

        Returns:
            True if state restored successfully
        """


class ILoggingIntegration(ABC):
    """Integration points with existing structured logging system."""

    @abstractmethod
    async def log_resilience_event(self, event: ResilienceEvent) -> None:
        """
        Log a resilience event with correlation ID.

        Args:
            event: Resilience event to log
        """

    @abstractmethod
    async def log_failure_event(self, failure_event: Dict[str, Any]) -> None:
        """
        Log a failure event with detailed context.

        Args:
            failure_event: Failure event details
        """

    @abstractmethod
    async def log_recovery_event(self, recovery_event: Dict[str, Any]) -> None:
        """
        Log a recovery event.

        Args:
            recovery_event: Recovery event details
        """
